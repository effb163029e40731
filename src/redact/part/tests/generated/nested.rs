//! Formats with maps in maps: JSON, YAML, TOML, HCL, PHP, property lists and XML.

use super::values::{Maker, Node, Style};

const STYLES: [Style; 5] = [Style::Snake, Style::Kebab, Style::Camel, Style::Upper, Style::Dotted];
const NAMES: [Style; 3] = [Style::Snake, Style::Camel, Style::Upper];

/// A text in double quotes, with the escapes of JSON.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn json(maker: &mut Maker) -> String {
    maker.pick_style(&STYLES);
    let mut map = maker.map(3);
    if maker.once_in(3) {
        let credential = maker.plant();
        let (name, inner) = (maker.setting("settings"), maker.credential_key());
        let document = format!("{{{}: {}, \"mode\": \"fast\"}}", quoted(&inner), quoted(&credential));
        map.push((name, Node::Leaf(document)));
    }
    let indent = maker.pick(&[None, Some(0)]);
    json_of(&Node::Map(map), indent)
}

/// JSON at a depth of indentation, or in one line.
fn json_of(node: &Node, depth: Option<usize>) -> String {
    let inner = depth.map(|depth| depth + 1);
    let line = |depth: Option<usize>| depth.map_or_else(String::new, |depth| format!("\n{}", "  ".repeat(depth)));
    let colon = if depth.is_some() { ": " } else { ":" };
    let items = |items: Vec<String>, open: char, close: char| {
        let items: Vec<String> = items.into_iter().map(|item| line(inner) + &item).collect();
        format!("{open}{}{}{close}", items.join(","), line(depth))
    };
    match node {
        Node::Leaf(value) => quoted(value),
        Node::Bare(value) => value.clone(),
        Node::List(list) => items(list.iter().map(|node| json_of(node, inner)).collect(), '[', ']'),
        Node::Map(map) => {
            let entries = map.iter().map(|(key, node)| format!("{}{colon}{}", quoted(key), json_of(node, inner)));
            items(entries.collect(), '{', '}')
        }
    }
}

pub(super) fn yaml_block(maker: &mut Maker) -> String {
    maker.pick_style(&STYLES);
    let map = maker.map(3);
    let mut text = maker.pick(&["", "---\n"]).to_owned();
    yaml_map(&map, 0, maker, &mut text);
    text
}

pub(super) fn yaml_map(map: &[(String, Node)], depth: usize, maker: &mut Maker, text: &mut String) {
    for (key, node) in map {
        if maker.once_in(12) {
            *text += &format!("{}# {}\n", "  ".repeat(depth), maker.comment());
        }
        *text += &format!("{}{key}:", "  ".repeat(depth));
        yaml_value(node, depth, maker, text);
    }
}

fn yaml_value(node: &Node, depth: usize, maker: &mut Maker, text: &mut String) {
    match node {
        Node::Leaf(value) => {
            let comment = if maker.once_in(8) { format!("  # {}", maker.comment()) } else { String::new() };
            *text += &match maker.below(6) {
                0 => format!(" {}\n{}{value}\n", maker.pick(&["|", ">-", "|-"]), "  ".repeat(depth + 1)),
                1 => format!(" {}{comment}\n", quoted(value)),
                _ => format!(" {}{comment}\n", yaml_scalar(value)),
            };
        }
        Node::Bare(value) => *text += &format!(" {value}\n"),
        Node::Map(map) => {
            text.push('\n');
            yaml_map(map, depth + 1, maker, text);
        }
        Node::List(items) => {
            text.push('\n');
            // A list may stand in the column of its key.
            let depth = depth + maker.below(2);
            for item in items {
                *text += &format!("{}-", "  ".repeat(depth));
                match item {
                    Node::Map(map) => {
                        let mut inner = String::new();
                        yaml_map(map, depth + 1, maker, &mut inner);
                        text.push(' ');
                        *text += inner.trim_start();
                    }
                    node => yaml_value(node, depth, maker, text),
                }
            }
        }
    }
}

/// A scalar without quotes, if YAML takes it so, or in single quotes.
pub(super) fn yaml_scalar(value: &str) -> String {
    let is_plain = !value.starts_with(|first: char| !first.is_ascii_alphanumeric() && !"/.~^".contains(first))
        && !value.contains(": ")
        && !value.contains(" #")
        && !value.ends_with(':');
    if is_plain { value.to_owned() } else { format!("'{}'", value.replace('\'', "''")) }
}

pub(super) fn yaml_flow(maker: &mut Maker) -> String {
    maker.pick_style(&STYLES);
    let map = maker.map(3);
    if maker.once_in(2) {
        return flow_of(&Node::Map(map)) + "\n";
    }
    map.iter().map(|(key, node)| format!("{key}: {}\n", flow_of(node))).collect()
}

fn flow_of(node: &Node) -> String {
    let joined = |items: Vec<String>| items.join(", ");
    match node {
        Node::Bare(value) => value.clone(),
        Node::Leaf(value) if value.contains([',', '[', ']', '{', '}', '"', '\'', '\\']) => quoted(value),
        Node::Leaf(value) => yaml_scalar(value),
        Node::List(items) => format!("[{}]", joined(items.iter().map(flow_of).collect())),
        Node::Map(map) => {
            format!("{{{}}}", joined(map.iter().map(|(key, node)| format!("{key}: {}", flow_of(node))).collect()))
        }
    }
}

pub(super) fn toml(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Snake, Style::Kebab, Style::Camel]);
    let map = maker.map(2);
    let mut text = String::new();
    toml_table(&map, "", maker, &mut text);
    text
}

fn toml_table(map: &[(String, Node)], path: &str, maker: &mut Maker, text: &mut String) {
    for (key, node) in map.iter().filter(|(_, node)| !matches!(node, Node::Map(_))) {
        let comment = if maker.once_in(8) { format!(" # {}", maker.comment()) } else { String::new() };
        *text += &format!("{key} = {}{comment}\n", toml_of(node, maker));
    }
    for (key, node) in map {
        let Node::Map(inner) = node else { continue };
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if maker.once_in(4) {
            *text += &format!("\n[{path}]\n");
            inner.iter().filter(|(_, node)| !matches!(node, Node::Map(_))).for_each(|(key, node)| {
                *text += &format!("{key} = {}\n", toml_of(node, maker));
            });
            inner.iter().filter(|(_, node)| matches!(node, Node::Map(_))).for_each(|(key, node)| {
                *text += &format!("{key} = {}\n", toml_of(node, maker));
            });
        } else {
            *text += &format!("\n[{path}]\n");
            toml_table(inner, &path, maker, text);
        }
    }
}

fn toml_of(node: &Node, maker: &mut Maker) -> String {
    match node {
        Node::Bare(value) => value.clone(),
        Node::Leaf(value) => match maker.below(5) {
            0 if !value.contains('\'') => format!("'{value}'"),
            1 => format!("\"\"\"{}\"\"\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
            _ => quoted(value),
        },
        Node::List(items) => {
            let separator = maker.pick(&[", ", ",\n  "]);
            let items: Vec<String> = items.iter().map(|item| toml_of(item, maker)).collect();
            format!("[{}]", items.join(separator))
        }
        Node::Map(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, node)| format!("{key} = {}", toml_of(node, maker))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// Terraform's variables and resources.
pub(super) fn hcl(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Snake]);
    let map = maker.map(2);
    let body = hcl_body(&map, 0, maker);
    if maker.once_in(2) {
        return body;
    }
    let indented: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!("resource \"{}_instance\" \"main\" {{\n{indented}}}\n", maker.word())
}

fn hcl_body(map: &[(String, Node)], depth: usize, maker: &mut Maker) -> String {
    let indent = "  ".repeat(depth);
    let mut text = String::new();
    for (key, node) in map {
        if maker.once_in(10) {
            let mark = maker.pick(&["#", "//"]);
            text += &format!("{indent}{mark} {}\n", maker.comment());
        }
        match node {
            Node::Map(inner) => {
                let equals = maker.pick(&["= ", ""]);
                text += &format!("{indent}{key} {equals}{{\n{}{indent}}}\n", hcl_body(inner, depth + 1, maker));
            }
            Node::Leaf(value) if depth == 0 && maker.once_in(6) => text += &format!("{key} = <<EOT\n{value}\nEOT\n"),
            node => text += &format!("{indent}{key} = {}\n", hcl_of(node)),
        }
    }
    text
}

fn hcl_of(node: &Node) -> String {
    match node {
        Node::Bare(value) => value.clone(),
        Node::Leaf(value) => quoted(value),
        Node::List(items) => format!("[{}]", items.iter().map(hcl_of).collect::<Vec<_>>().join(", ")),
        Node::Map(map) => {
            let entries: Vec<String> = map.iter().map(|(key, node)| format!("{key} = {}", hcl_of(node))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

pub(super) fn php(maker: &mut Maker) -> String {
    maker.pick_style(&NAMES);
    let map = maker.map(3);
    match maker.below(3) {
        0 => {
            let lines = map.iter().map(|(key, node)| format!("define( '{key}', {} );\n", php_of(node, 0, false)));
            format!("<?php\n{}", lines.collect::<String>())
        }
        1 => {
            let lines = map.iter().map(|(key, node)| format!("$config['{key}'] = {};\n", php_of(node, 0, true)));
            format!("<?php\n/* {} */\n{}", maker.comment(), lines.collect::<String>())
        }
        _ => format!("<?php\n\nreturn {};\n", php_of(&Node::Map(map), 0, maker.once_in(2))),
    }
}

fn php_of(node: &Node, depth: usize, is_short: bool) -> String {
    let (open, close) = if is_short { ("[", "]") } else { ("array(", ")") };
    let lines = |items: Vec<String>| {
        let items = items.into_iter().map(|item| format!("\n{}{item},", "    ".repeat(depth + 1)));
        format!("{open}{}\n{}{close}", items.collect::<String>(), "    ".repeat(depth))
    };
    match node {
        Node::Bare(value) => value.clone(),
        Node::Leaf(value) => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        Node::List(items) => lines(items.iter().map(|node| php_of(node, depth + 1, is_short)).collect()),
        Node::Map(map) => {
            let entries = map.iter().map(|(key, node)| format!("'{key}' => {}", php_of(node, depth + 1, is_short)));
            lines(entries.collect())
        }
    }
}

/// A text with the entities of XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

pub(super) fn plist(maker: &mut Maker) -> String {
    maker.pick_style(&NAMES);
    let map = maker.map(3);
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
        <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
                \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n";
    format!("{head}{}</plist>\n", plist_of(&Node::Map(map), 0))
}

fn plist_of(node: &Node, depth: usize) -> String {
    let indent = "\t".repeat(depth);
    match node {
        Node::Bare(value) if value == "true" || value == "false" => format!("{indent}<{value}/>\n"),
        Node::Bare(value) => format!("{indent}<integer>{value}</integer>\n"),
        Node::Leaf(value) => format!("{indent}<string>{}</string>\n", escaped(value)),
        Node::List(items) => {
            let items: String = items.iter().map(|node| plist_of(node, depth + 1)).collect();
            format!("{indent}<array>\n{items}{indent}</array>\n")
        }
        Node::Map(map) => {
            let entry = |(key, node): &(String, Node)| {
                format!("{indent}\t<key>{}</key>\n{}", escaped(key), plist_of(node, depth + 1))
            };
            format!("{indent}<dict>\n{}{indent}</dict>\n", map.iter().map(entry).collect::<String>())
        }
    }
}

/// Elements with the names of the settings.
pub(super) fn xml_elements(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Camel, Style::Kebab, Style::Dotted]);
    let map = maker.map(3);
    let comment = maker.comment();
    format!("<?xml version=\"1.0\"?>\n<!-- {comment} -->\n<settings>\n{}</settings>\n", elements(&map, 1, maker))
}

fn elements(map: &[(String, Node)], depth: usize, maker: &mut Maker) -> String {
    let indent = "  ".repeat(depth);
    let element = |(key, node): &(String, Node)| match node {
        Node::Leaf(value) if maker.once_in(6) && !value.contains("]]>") => {
            format!("{indent}<{key}><![CDATA[{value}]]></{key}>\n")
        }
        Node::Leaf(value) | Node::Bare(value) => format!("{indent}<{key}>{}</{key}>\n", escaped(value)),
        Node::Map(map) => format!("{indent}<{key}>\n{}{indent}</{key}>\n", elements(map, depth + 1, maker)),
        Node::List(items) => {
            let items: Vec<(String, Node)> = items.iter().map(|node| ("item".to_owned(), copy(node))).collect();
            format!("{indent}<{key}>\n{}{indent}</{key}>\n", elements(&items, depth + 1, maker))
        }
    };
    map.iter().map(element).collect()
}

fn copy(node: &Node) -> Node {
    match node {
        Node::Leaf(value) => Node::Leaf(value.clone()),
        Node::Bare(value) => Node::Bare(value.clone()),
        Node::List(items) => Node::List(items.iter().map(copy).collect()),
        Node::Map(map) => Node::Map(map.iter().map(|(key, node)| (key.clone(), copy(node))).collect()),
    }
}

/// Elements with a name and a value each, as attributes or as elements, as Hadoop, .NET and Java
/// have them.
pub(super) fn xml_properties(maker: &mut Maker) -> String {
    maker.pick_style(&[Style::Dotted, Style::Camel]);
    let (head, tail, kind) = maker.pick(&[
        ("<configuration>\n", "</configuration>\n", 0),
        ("<configuration><appSettings>\n", "</appSettings></configuration>\n", 1),
        ("<properties>\n", "</properties>\n", 2),
    ]);
    let mut text = head.to_owned();
    for (key, value) in super::lines::flat(maker) {
        let (key, value) = (escaped(&key), escaped(&value));
        text += &match kind {
            0 => format!("  <property>\n    <name>{key}</name>\n    <value>{value}</value>\n  </property>\n"),
            1 => format!("  <add key=\"{key}\" value=\"{value}\"/>\n"),
            _ => format!("  <entry key=\"{key}\">{value}</entry>\n"),
        };
    }
    text + tail
}

//! The program's own documentation: the long help, the manual page, the completions.

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use hushlog::source::well_known;

/// The first paragraphs of the long help.
pub(crate) const ABOUT: &str = "Keep secrets out of logs: a filter from standard input to standard output.

hushlog reads the machine's secrets from the environment and from files, and copies its input with each of them masked: the \
values themselves, their usual encodings (base64, hex, percent, JSON and shell escapes), and identifying parts, such as the \
password in a database URL or the lines of a key. All other bytes stay unchanged.";

/// The first paragraphs of the long help of `run`.
pub(crate) const RUN: &str = "Run a command with the secrets in its environment, and mask them in its output.

The values of --dotenv and --secret-file become variables of the command's environment: a dotenv variable under its own name, a file \
under its name in capitals (openai-api-key becomes OPENAI_API_KEY). The command's standard output and standard error go where they would \
without hushlog, with every secret masked. Input, exit status, signals and job control work as without hushlog. On a terminal, the command \
gets a terminal, so that colours, prompts, editors and pagers work.";

/// The end of the long help of `run`.
pub(crate) const RUN_EXAMPLES: &str = "Examples:
  hushlog run --dotenv .env -- npm start
      pass the variables of the file to the program, and mask them in its output
  hushlog run --secret-file /run/secrets -- ./deploy.sh --to production
      pass one variable for each file
  hushlog run -- psql
      mask the well-known variables of the environment

Exit status:
  that of the command; if a signal ended the command, hushlog ends by the same signal
  2    wrong usage, or a source of secrets is missing, unreadable or empty; the command was not started
  3    some of the command's output could not be written
  126  the command cannot be executed, or the environment is too large for it
  127  the command was not found

Limits:
  Processes that outlive the command have 2 seconds to finish their output; then the pipe is closed.
  Output to other files, to sockets or to another terminal is not masked, nor is output to /dev/tty while standard output is a pipe.
  On a terminal, the first 3 bytes of a possible secret appear after 50 ms, so that typing is echoed.";

/// The first paragraphs of the long help of `sidecar`.
pub(crate) const SIDECAR: &str = "Mask the log streams of a machine while its secrets change: one daemon for all of them.

The configuration names the sources of secrets, and the streams. Each stream goes from its source (a socket, a FIFO, files, a port on \
loopback, the output of a command, standard input) through its own redactor to its sink (a file, a socket, a FIFO, a port, the input of a \
command, standard output). The sources of secrets are watched: a change is in force within a second, old values stay masked, and no stream \
loses a byte. Sinks apply backpressure.";

/// The end of the long help of `sidecar`.
pub(crate) const MERGE_EXAMPLES: &str = "For git, once in each clone:
  git config merge.hushlog.driver 'hushlog merge %O %A %B %L %P'
  git config merge.hushlog.recursive binary
and in the repository:
  echo 'registry.yaml merge=hushlog' >> .gitattributes

To redo a stopped merge with this driver, signed:
  HUSHLOG_SIGN=signing.pem git checkout --merge registry.yaml
To resolve all conflicts with one side:
  for n in 1 2 3; do git show :$n:registry.yaml > side.$n; done
  hushlog merge --theirs side.1 side.2 side.3 && mv side.2 registry.yaml

The exit status is 0 if everything was merged; 1 if entries conflict, or if the registry must be
signed and no key was given; 2 or 3 on an error. No value is opened.";

pub(crate) const SIDECAR_EXAMPLES: &str = "A configuration:
  secrets:
    secret_files: [/run/secrets]
  streams:
    - name: app
      source: { unix: /run/app-log.sock }
      sink: { file: /var/log/app.log }
  control: /run/hushlog/sidecar.sock

Examples:
  hushlog sidecar check-config --config hushlog.yaml
      report errors by line and key
  hushlog sidecar --config hushlog.yaml
      run the sidecar; SIGHUP rereads the secrets, SIGTERM drains the streams and ends it
  printf %s \"$token\" | hushlog sidecar add DEPLOY_TOKEN
      mask another value in everything that is printed after this command returns

Exit status:
  0  stopped by a signal, or all inputs ended
  2  the configuration is not valid, or secrets, sources or sinks are not available; nothing was read
  3  standard input or standard output failed";

/// The end of the short help.
pub(crate) const MORE: &str = "hushlog --help shows details and examples; hushlog man prints the manual page";

/// A section of both the long help and the manual page. An indented line is a list item if it
/// begins with a digit, and preformatted otherwise; any other line is a paragraph.
struct Section {
    title: &'static str,
    text: &'static str,
}

const SECTIONS: &[Section] = &[
    Section {
        title: "Examples",
        text: "  app 2>&1 | hushlog | shipper
      mask the values of the well-known variables (*_TOKEN, *_PASSWORD ...)
  app 2>&1 | hushlog --env 'PROD_*' --env DB_URL >> app.log
      mask the values of these variables
  app 2>&1 | hushlog --dotenv .env --secret-file /run/secrets
      mask the values in files
  hushlog --secret-file key.pem --mask-char '*' < build.log
      keep columns aligned
  hushlog --report counts.json < old.log > clean.log
      count the masked secrets by name
  hushlog member add vm $(hushlog keygen --output vm.txt)
      create a registry of secrets that this machine's identity opens
  hushlog secret add openai-api-key --shared
      type in a secret, which is never shown again
  app 2>&1 | hushlog --registry registry.yaml --identity vm.txt
      mask all secrets of the registry that the identity opens
  hushlog boot --registry registry.yaml --identity vm.txt
      export them for as long as the machine is up; they are then the default source
  hushlog scrub --recursive --include '*.log' /var/log/app
      mask secrets in existing log files, in place
  hushlog scrub --check --secret-file /run/secrets build/
      exit with status 1 if any file contains a secret",
    },
    Section {
        title: "Promises",
        text: "  1. No byte of a secret, of a listed form or of an identifying part of it gets out, however the input is cut.
  2. Nothing else changes, whatever the bytes are; only an input that ends inside a secret has that partial match masked.
  3. The output depends on the bytes alone, never on where the reads fell.
  4. Only what may be the beginning of a secret waits; a prompt appears at once.
  5. Time is linear in the input, and memory does not grow with it.
  6. On an error nothing raw is written, and the exit status tells.
What is not promised: secrets that hushlog was not given, forms that are not listed (encrypted, compressed, encoded twice, \
in other letters), a value broken by something in its middle, and what was written before hushlog saw it.",
    },
    Section {
        title: "Exit status",
        text: "  0  all input was read, and all output written
  1  no error, but the answer is no (check), or a secret was found (scrub --check)
  2  wrong usage, or a source of secrets is missing, unreadable or empty; nothing was read
  3  input or output failed, and the output is a prefix of the complete one; or a file could not be scrubbed
If the reader of the output closes it, hushlog ends quietly by SIGPIPE (141 in shells), as cat does.",
    },
];

/// The end of the long help.
pub(crate) fn after_help() -> String {
    let section = |section: &Section| format!("{}:\n{}\n", section.title, section.text);
    let sections: Vec<String> = SECTIONS.iter().map(section).collect();
    format!("{}\n{}", sections.join("\n"), default_source())
}

fn default_source() -> String {
    format!("Well-known names:\n  {}", well_known::GLOBS.join(" "))
}

/// The completions of the program for a shell.
pub(crate) fn completions(program: &mut Command, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, program, "hushlog", &mut script);
    script
}

/// The manual page of the program.
pub(crate) fn man(program: Command) -> Vec<u8> {
    let program = program.after_long_help("");
    let mut head = Roff::new();
    head.control("SH", ["SYNOPSIS"]).text([bold("hushlog"), roman(" [filter] [OPTION]...")]);
    for (name, command) in subcommands(&program, "hushlog") {
        head.control("br", []).text([bold(name), roman(usage(command))]);
    }
    let man = Man::new(program.clone());
    let mut page = Vec::new();
    let rendered = man
        .render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| head.to_writer(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| sections(&program).to_writer(&mut page));
    rendered.expect("writing to memory does not fail");
    page
}

/// The subcommands that can be run, with their full names. The filter is the program itself.
fn subcommands<'a>(program: &'a Command, name: &str) -> Vec<(String, &'a Command)> {
    let own = program.get_subcommands().filter(|command| !matches!(command.get_name(), "filter" | "help"));
    let all = own.flat_map(|command| {
        let name = format!("{name} {}", command.get_name());
        if command.has_subcommands() { subcommands(command, &name) } else { vec![(name, command)] }
    });
    all.collect()
}

/// The synopsis after a subcommand's name.
fn usage(command: &Command) -> String {
    let options = if command.get_opts().next().is_some() { " [OPTION]..." } else { "" };
    let positionals: String = command.get_positionals().map(|argument| format!(" {argument}")).collect();
    format!("{options}{positionals}")
}

/// The options of a subcommand that the filter does not have.
fn own_options<'a>(program: &'a Command, command: &'a Command) -> impl Iterator<Item = (&'a str, &'a Arg)> {
    let is_shared = |long: &str| program.get_arguments().any(|argument| argument.get_long() == Some(long));
    let all = command.get_arguments().filter_map(|argument| Some((argument.get_long()?, argument)));
    all.filter(move |(long, _)| *long != "help" && !is_shared(long))
}

/// A subcommand's section: its long description, and its own options.
fn describe(roff: &mut Roff, program: &Command, name: &str, command: &Command) {
    roff.control("SS", [format!("{name}{}", usage(command)).as_str()]);
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    about.lines().filter(|line| !line.is_empty()).for_each(|line| show(roff, line));
    for (long, argument) in own_options(program, command) {
        let takes_value = argument.get_action().takes_values();
        let values = argument.get_value_names().filter(|_| takes_value).unwrap_or_default();
        let values: String = values.iter().map(|value| format!(" {value}")).collect();
        let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
        roff.control("TP", []).text([bold(format!("--{long}")), roman(values)]);
        for line in help.lines() {
            match line {
                "" => roff.control("sp", []),
                line => roff.text([roman(line)]),
            };
        }
    }
}

fn sections(program: &Command) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SUBCOMMANDS"]);
    roff.text([roman(
        "Subcommands that search for secrets take the sources and options of the filter, besides their own.",
    )]);
    for (name, command) in subcommands(program, "hushlog") {
        describe(&mut roff, program, &name, command);
    }
    for section in SECTIONS {
        roff.control("SH", [section.title.to_uppercase().as_str()]);
        section.text.lines().for_each(|line| show(&mut roff, line));
    }
    roff.control("SH", ["WELL-KNOWN NAMES"]).text([roman(well_known::GLOBS.join(" "))]);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("https://docs.rs/hushlog has the manual: design, threat model, encodings, tuning")]);
    roff
}

/// One line of a [`Section`].
fn show(roff: &mut Roff, line: &str) {
    match line.strip_prefix("  ") {
        Some(item) if item.starts_with(|c: char| c.is_ascii_digit()) => {
            let (number, text) = item.split_once(' ').unwrap_or((item, ""));
            roff.control("IP", [number, "4"]).text([roman(text.trim_start())])
        }
        Some(shown) => roff.control("nf", []).text([roman(shown)]).control("fi", []),
        None => roff.control("PP", []).text([roman(line)]),
    };
}

use super::*;
use crate::redact::encoding::Form;
use crate::redact::needle::NeedleSet;
use crate::redact::secret::Secret;
use crate::sidecar::secrets::active;

fn counts(of: &[(&str, Form, u64)]) -> RegionCounts {
    of.iter().map(|(name, form, count)| (((*name).to_owned(), *form), *count)).collect()
}

#[test]
fn counts_of_two_connections_add_up() {
    let metrics = Metrics::new();
    let stream = metrics.stream("app");
    let (mut one, mut two) = (RegionCounts::new(), RegionCounts::new());
    stream.regions(&mut one, counts(&[("A", Form::Value, 2)]));
    stream.regions(&mut one, counts(&[("A", Form::Value, 3), ("B", Form::Hex, 1)]));
    stream.regions(&mut two, counts(&[("A", Form::Value, 1)]));
    stream.regions(&mut two, counts(&[("A", Form::Value, 1)]));
    let text = metrics.render();
    for line in [
        "hushlog_regions_total{stream=\"app\",secret=\"A\",form=\"value\"} 4\n",
        "hushlog_regions_total{stream=\"app\",secret=\"B\",form=\"hex\"} 1\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn each_secret_has_its_streams_and_its_last_one() {
    let metrics = Metrics::new();
    let (app, web) = (metrics.stream("app"), metrics.stream("web"));
    let (mut of_app, mut of_web) = (RegionCounts::new(), RegionCounts::new());
    app.regions(&mut of_app, counts(&[("A", Form::Value, 2), ("A", Form::Hex, 1), ("B", Form::Value, 1)]));
    web.regions(&mut of_web, counts(&[("A", Form::Value, 4)]));
    web.regions(&mut of_web, counts(&[("A", Form::Value, 5)]));
    let masked = metrics.masked();
    let streams = |secret: &str| masked[secret].streams.clone().into_iter().collect::<Vec<_>>();
    assert_eq!(streams("A"), [("app".to_owned(), 3), ("web".to_owned(), 5)]);
    assert_eq!(streams("B"), [("app".to_owned(), 1)]);
    let last = |secret: &str| masked[secret].last.as_ref().map(|(_, stream)| stream.clone());
    assert_eq!((last("A").as_deref(), last("B").as_deref()), (Some("web"), Some("app")));
    assert_eq!(masked.len(), 2);
}

#[test]
fn d14_the_held_back_length_reveals_nothing_about_a_guess() {
    let metrics = Metrics::new();
    let stream = metrics.stream("app");
    // A client that holds back just under a step with one connection learns nothing by another.
    let (mut one, mut two) = (0, 0);
    stream.hold(&mut one, HELD_STEP as usize - 1);
    stream.hold(&mut two, 1);
    assert!(metrics.render().contains("hushlog_stream_held_bytes{stream=\"app\"} 0\n"));
    stream.hold(&mut one, 2 * HELD_STEP as usize + 1);
    assert!(metrics.render().contains("hushlog_stream_held_bytes{stream=\"app\"} 8192\n"));
    stream.hold(&mut one, 0);
    assert!(metrics.render().contains("hushlog_stream_held_bytes{stream=\"app\"} 0\n"));
}

#[test]
fn a37_labels_pass_the_set_in_force() {
    let metrics = Metrics::new();
    let secret = |name: &str, value: &str| Secret::new(name, value.as_bytes().to_vec());
    let set = NeedleSet::builder().secret(secret("KEY", "hunter2-prod-key")).secret(secret("B", "hun\\\"ter2\\nkey"));
    metrics.mask_with(active::channel(Arc::new(set.build().unwrap())).subscribe());
    metrics.stream("hunter2-prod-key").read(3);
    // Its base64 is another name for the same.
    let stream = metrics.stream("aHVudGVyMi1wcm9kLWtleQ==");
    stream.read(4);
    let names = ["hunter2-prod-key", "aHVudGVyMi1wcm9kLWtleQ==", "hun\"ter2\nkey"];
    let found: Vec<_> = names.iter().map(|name| (*name, Form::Value, 2)).collect();
    stream.regions(&mut RegionCounts::new(), counts(&found));
    let text = metrics.render();
    assert!(!names.iter().any(|name| text.contains(name)) && !text.contains(r#"hun\"ter2\nkey"#), "{text}");
    for line in [
        "hushlog_stream_input_bytes_total{stream=\"[REDACTED:KEY]\"} 7\n",
        "hushlog_regions_total{stream=\"[REDACTED:KEY]\",secret=\"[REDACTED:KEY]\",form=\"value\"} 4\n",
        "hushlog_regions_total{stream=\"[REDACTED:KEY]\",secret=\"[REDACTED:B]\",form=\"value\"} 2\n",
    ] {
        assert_eq!(text.matches(line).count(), 1, "{text}");
    }
}

#[test]
fn names_stay_within_their_quotes() {
    assert_eq!(escaped("a\"b\\c\nd\x1b[2J\u{202e}"), "a\\\"b\\\\c\\nd\u{fffd}[2J\u{fffd}");
}

#[test]
fn a_failed_reload_shows_until_one_is_done() {
    let metrics = Metrics::new();
    metrics.reload(Duration::from_millis(1500), true);
    metrics.reload(Duration::from_secs(7), false);
    assert!(metrics.is_outdated());
    let text = metrics.render();
    for line in [
        "hushlog_reloads_total{result=\"done\"} 1\n",
        "hushlog_reloads_total{result=\"failed\"} 1\n",
        "hushlog_secrets_outdated 1\n",
        "hushlog_reload_duration_seconds_sum 1.500000\n",
        "hushlog_reload_duration_seconds_count 1\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    metrics.reload(Duration::from_millis(1), true);
    assert!(!metrics.is_outdated());
}

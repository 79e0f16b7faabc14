#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn devices_read_and_write_themselves() {
    for text in ["udp", "verbs", "verbs:rxe0", "verbs:rxe0:1", "verbs:rxe0:1:2"] {
        assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
    }
    assert_eq!("verbs:".parse::<DeviceChoice>().unwrap(), "verbs".parse().unwrap());
}

#[test]
fn other_text_is_refused() {
    for text in ["", "tcp", "udp:eth0", "verbs:rxe0:x", "verbs:a:1:2:3", "rxe0"] {
        let error = text.parse::<DeviceChoice>().unwrap_err().to_string();
        assert!(error.contains("sealane devices"), "{text}: {error}");
    }
}

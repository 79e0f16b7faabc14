//! `NAME:PORT:GID` and settings that contradict themselves.

use crate::{Selection, VerbsConfig};

#[test]
fn a_selection_reads_and_writes_itself() {
    for text in ["", "mlx5_0", "mlx5_0:1", "mlx5_0:2:3", "mlx5_0::3"] {
        let selection: Selection = text.parse().unwrap();
        assert_eq!(selection.to_string(), text);
    }
    let selection: Selection = "mlx5_0:2:3".parse().unwrap();
    assert_eq!(selection.device.as_deref(), Some("mlx5_0"));
    assert_eq!((selection.port, selection.gid), (Some(2), Some(3)));
}

#[test]
fn other_text_is_refused_with_an_example() {
    for text in ["mlx5_0:0", "mlx5_0:one", "mlx5_0:1:x", "mlx5_0:1:2:3", "mlx5_0:256"] {
        let error = text.parse::<Selection>().unwrap_err().to_string();
        assert!(error.contains("mlx5_0:1:3"), "{text}: {error}");
    }
}

#[test]
fn settings_that_no_device_could_honour_are_refused() {
    let fine = VerbsConfig::default();
    assert!(fine.validate().is_ok());
    for wrong in [
        VerbsConfig { queue_pairs: 0, ..fine.clone() },
        VerbsConfig { queue_pairs: 65, ..fine.clone() },
        VerbsConfig { receive_slots: 15, ..fine.clone() },
        VerbsConfig { qkey: 0x8000_0000, ..fine.clone() },
        VerbsConfig { mtu: Some(1199), ..fine },
    ] {
        assert!(wrong.validate().is_err(), "{wrong:?}");
    }
}

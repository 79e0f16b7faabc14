#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

fn detect(variables: &[(&str, &str)]) -> Result<Launch, EnvironmentError> {
    Launch::detect(&|name| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

fn master(host: &str, port: u16) -> Option<Master> {
    Some(Master { host: host.to_owned(), port })
}

#[test]
fn each_launcher_is_found() {
    let torchrun = detect(&[
        ("RANK", "3"),
        ("WORLD_SIZE", "8"),
        ("LOCAL_RANK", "1"),
        ("LOCAL_WORLD_SIZE", "2"),
        ("MASTER_ADDR", "node01"),
        ("MASTER_PORT", "29500"),
        ("TORCHELASTIC_RUN_ID", "none"),
        ("SLURM_PROCID", "0"),
        ("SLURM_NTASKS", "4"),
    ])
    .unwrap();
    assert_eq!(torchrun.launcher, Launcher::Torchrun);
    assert_eq!((torchrun.rank, torchrun.world, torchrun.local_rank), (Rank(3), 8, Some(1)));
    assert_eq!((torchrun.master, torchrun.run), (master("node01", 29500), None));

    let open_mpi = detect(&[
        ("OMPI_COMM_WORLD_RANK", "1"),
        ("OMPI_COMM_WORLD_SIZE", "2"),
        ("OMPI_COMM_WORLD_LOCAL_RANK", "1"),
        ("OMPI_COMM_WORLD_LOCAL_SIZE", "2"),
        ("PMIX_NAMESPACE", "prterun-host-1@1"),
    ])
    .unwrap();
    assert_eq!(open_mpi.launcher, Launcher::OpenMpi);
    assert_eq!(open_mpi.master.unwrap().host, "127.0.0.1");

    let pmi =
        detect(&[("PMI_RANK", "0"), ("PMI_SIZE", "2"), ("SEALANE_MASTER", "[::1]:7000")]).unwrap();
    assert_eq!((pmi.launcher, pmi.master), (Launcher::Pmi, master("::1", 7000)));

    let slurm = detect(&[
        ("SLURM_PROCID", "5"),
        ("SLURM_NTASKS", "8"),
        ("SLURM_LOCALID", "1"),
        ("SLURM_JOB_ID", "4711"),
        ("SLURM_JOB_NODELIST", "gpu[003-007,9],cpu1"),
    ])
    .unwrap();
    assert_eq!((slurm.launcher, slurm.run.as_deref()), (Launcher::Slurm, Some("4711")));
    assert_eq!(slurm.master.unwrap().host, "gpu003");
}

#[test]
fn our_own_variables_win() {
    let launch = detect(&[
        ("SEALANE_RANK", "1"),
        ("SEALANE_WORLD_SIZE", "2"),
        ("SEALANE_MASTER", "127.0.0.1:20001"),
        ("RANK", "0"),
        ("WORLD_SIZE", "1"),
    ])
    .unwrap();
    assert_eq!((launch.launcher, launch.rank), (Launcher::Sealane, Rank(1)));
}

#[test]
fn a_world_of_one_needs_no_master() {
    let launch = detect(&[("SEALANE_RANK", "0"), ("SEALANE_WORLD_SIZE", "1")]).unwrap();
    assert_eq!(launch.master, None);
}

#[test]
fn wrong_values_are_named() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "no launcher found"),
        (&[("RANK", "")], "no launcher found"),
        (&[("RANK", "1")], "RANK is set but WORLD_SIZE is not"),
        (&[("SEALANE_WORLD_SIZE", "2")], "SEALANE_WORLD_SIZE is set but SEALANE_RANK is not"),
        (&[("RANK", "one"), ("WORLD_SIZE", "2")], "RANK=\"one\" is not a whole number"),
        (&[("RANK", "-1"), ("WORLD_SIZE", "2")], "RANK=\"-1\""),
        (&[("RANK", "0"), ("WORLD_SIZE", "0")], "at least 1"),
        (&[("RANK", "2"), ("WORLD_SIZE", "2")], "RANK=2 is not below WORLD_SIZE=2"),
        (
            &[("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "5"), ("LOCAL_WORLD_SIZE", "2")],
            "LOCAL_RANK=5 is not below LOCAL_WORLD_SIZE=2",
        ),
        (
            &[("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a")],
            "MASTER_ADDR is set but MASTER_PORT is not",
        ),
        (
            &[("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a"), ("MASTER_PORT", "0")],
            "MASTER_PORT=\"0\" is not a port",
        ),
        (&[("PMI_RANK", "0"), ("PMI_SIZE", "2")], "PMI does not say where rank 0 is"),
        (
            &[("PMI_RANK", "0"), ("PMI_SIZE", "2"), ("SEALANE_MASTER", "fd00::1:5")],
            "is not host:port",
        ),
        (
            &[
                ("PMI_RANK", "0"),
                ("PMI_SIZE", "2"),
                ("SEALANE_MASTER", "a:5"),
                ("MASTER_ADDR", "b"),
                ("MASTER_PORT", "5"),
            ],
            "SEALANE_MASTER=\"a:5\" contradicts MASTER_ADDR=\"b:5\"",
        ),
    ];
    for (variables, expected) in cases {
        let error = detect(variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{variables:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

proptest! {
    #[test]
    fn no_value_panics(rank in ".*", world in ".*", master in ".*", nodes in ".*") {
        let _ = detect(&[
            ("SLURM_PROCID", &rank),
            ("SLURM_NTASKS", &world),
            ("SEALANE_MASTER", &master),
        ]);
        let _ = detect(&[
            ("SLURM_PROCID", "0"),
            ("SLURM_NTASKS", "2"),
            ("SLURM_JOB_ID", &world),
            ("SLURM_JOB_NODELIST", &nodes),
        ]);
    }
}

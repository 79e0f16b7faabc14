#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const LINKS: Links = Links::new(Bandwidth::from_gbps(100), Picos::from_micros(1));

#[test]
fn a_fat_tree_has_the_textbook_counts() {
    for (radix, hosts, switches) in [(4, 16, 20), (16, 1024, 320)] {
        let graph = FatTree { radix, oversubscription: 1, links: LINKS }.graph();
        assert_eq!((graph.hosts, graph.switches.len()), (hosts, switches));
        assert_eq!(graph.cables.len() as u32, 3 * hosts, "as many cables between tiers as hosts");
        let (delay, rates) = graph.path(0, hosts - 1).unwrap();
        assert_eq!((delay, rates.len()), (Picos::from_micros(6), 6));
        assert_eq!(graph.path(0, 1).unwrap().1.len(), 2);
    }
    let squeezed = FatTree { radix: 4, oversubscription: 4, links: LINKS }.graph();
    assert_eq!((squeezed.hosts, squeezed.switches.len()), (64, 20));
}

#[test]
fn nodes_are_found_by_their_names() {
    let graph = LeafSpine { leaves: 4, spines: 2, hosts_per_leaf: 3, links: LINKS }.graph();
    assert_eq!((graph.hosts, graph.cables.len()), (12, 12 + 8));
    for name in ["host0", "host11", "leaf3", "spine1"] {
        assert_eq!(graph.name(graph.find(name).unwrap()), name);
    }
    assert!(graph.find("host12").is_none() && graph.find("spine2").is_none());
    let (leaf, spine) = (graph.find("leaf1").unwrap(), graph.find("spine0").unwrap());
    assert_eq!(graph.between(spine, leaf).count(), 1);
    assert_eq!(graph.core_cables().count(), 8);
}

#[test]
fn a_file_says_what_is_wrong_and_where() {
    let good = "hosts 2 # two\nswitch s\n\ncable host0 s 100Gbps 1us\ncable s host1 25Gbps 500ns";
    let graph = parse(good).unwrap();
    assert_eq!(graph.cables[1].rate, Bandwidth::from_gbps(25));
    assert_eq!(graph.path(0, 1).unwrap().0, Picos::from_nanos(1500));
    for (text, line, part) in [
        ("host 2", 1, "none of"),
        ("hosts 0", 1, "1 to"),
        ("hosts 2\nswitch a a", 2, "already"),
        ("hosts 2\ncable host0 host2 1Gbps 1us", 2, "`host2`"),
        ("hosts 2\ncable host0 host1 fast 1us", 2, "no rate"),
        ("hosts 2\ncable host0 host1 1Gbps soon", 2, "no time"),
        ("hosts 2", 0, "host0 has 0 cables"),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text}");
        assert!(error.problem.contains(part), "{error}");
    }
}

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::bootstrap::rendezvous::wire::Carrier;

fn place(rank: u32) -> Place {
    Place {
        host: [rank as u8; 16],
        carrier: Carrier::Udp,
        addresses: vec![([10, 0, 0, rank as u8], 4000).into()],
    }
}

/// Ranks that shrink, over channels that keep order and lose what the dead had not delivered.
struct World {
    nodes: BTreeMap<Rank, Agreement>,
    channels: BTreeMap<(Rank, Rank), VecDeque<Letter>>,
    /// Whom each rank knows to be lost.
    lost: BTreeMap<Rank, BTreeSet<Rank>>,
    dead: BTreeSet<Rank>,
    /// Who acted on what, dead or alive.
    acted: BTreeMap<Rank, Vec<Rank>>,
}

impl World {
    fn new(count: u32) -> Self {
        let jobs: Vec<Rank> = (0..count).map(|rank| Rank(100 + rank)).collect();
        let node = |rank: u32| {
            let epoch = Epoch::new(1, Zeroizing::new([rank as u8; 32]));
            let me = (Rank(rank), jobs.clone());
            (Rank(rank), Agreement::new(me, 3, place(rank), epoch, BTreeMap::new()))
        };
        Self {
            nodes: (0..count).map(node).collect(),
            channels: BTreeMap::new(),
            lost: (0..count).map(|rank| (Rank(rank), BTreeSet::new())).collect(),
            dead: BTreeSet::new(),
            acted: BTreeMap::new(),
        }
    }

    fn proceed(&mut self, rank: Rank) {
        if self.dead.contains(&rank) {
            return;
        }
        let node = self.nodes.get_mut(&rank).unwrap();
        node.proceed(&self.lost[&rank]);
        while let Some((to, letter)) = node.poll_letter() {
            self.channels.entry((rank, to)).or_default().push_back(letter);
        }
        if let Some(Outcome::Member(decision)) = node.outcome() {
            let members = decision.members.iter().map(|(job, _)| *job).collect();
            self.acted.entry(rank).or_insert(members);
        }
    }

    /// One letter of one channel arrives, if there is any.
    fn deliver(&mut self, choice: usize) -> bool {
        let open: Vec<_> = self
            .channels
            .iter()
            .filter(|((_, to), letters)| !letters.is_empty() && !self.dead.contains(to))
            .map(|(channel, _)| *channel)
            .collect();
        let Some((from, to)) = open.get(choice % open.len().max(1)).copied() else { return false };
        let letter = self.channels.get_mut(&(from, to)).unwrap().pop_front().unwrap();
        self.nodes.get_mut(&to).unwrap().receive(from, letter);
        self.proceed(to);
        true
    }

    fn kill(&mut self, rank: Rank) {
        self.dead.insert(rank);
    }

    /// One rank learns of one death, after what the dead had sent it.
    fn suspect(&mut self, observer: Rank, of: Rank) {
        if self.dead.contains(&of)
            && self.channels.get(&(of, observer)).is_none_or(VecDeque::is_empty)
        {
            self.lost.get_mut(&observer).unwrap().insert(of);
            self.proceed(observer);
        }
    }

    fn settle(&mut self) {
        let ranks: Vec<Rank> = self.nodes.keys().copied().collect();
        for _ in 0..4 * ranks.len() {
            while self.deliver(0) {}
            for observer in &ranks {
                for of in &ranks {
                    self.suspect(*observer, *of);
                }
                self.proceed(*observer);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Proceed(u32),
    Deliver(usize),
    Kill(u32),
    Suspect(u32, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..8_u32).prop_map(Step::Proceed),
        8 => any::<usize>().prop_map(Step::Deliver),
        1 => (0..8_u32).prop_map(Step::Kill),
        3 => (0..8_u32, 0..8_u32).prop_map(|(one, two)| Step::Suspect(one, two)),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// However ranks die: those that live end up with one list, and it has all of them.
    #[test]
    fn survivors_agree(count in 2..8_u32, steps in steps()) {
        let mut world = World::new(count);
        for step in steps {
            match step {
                Step::Proceed(rank) => world.proceed(Rank(rank % count)),
                Step::Deliver(choice) => {
                    world.deliver(choice);
                }
                // One is left alive.
                Step::Kill(rank) if world.dead.len() + 1 < count as usize => {
                    world.kill(Rank(rank % count));
                }
                Step::Kill(_) => {}
                Step::Suspect(one, two) => world.suspect(Rank(one % count), Rank(two % count)),
            }
        }
        world.settle();
        let alive: Vec<Rank> =
            (0..count).map(Rank).filter(|rank| !world.dead.contains(rank)).collect();
        let lists: BTreeSet<_> =
            alive.iter().map(|rank| world.acted.get(rank).cloned()).collect();
        prop_assert_eq!(lists.len(), 1, "{:?}", world.acted);
        let list = lists.into_iter().next().unwrap();
        let list = list.expect("every survivor ends");
        for rank in alive {
            prop_assert!(list.contains(&Rank(100 + rank.0)), "{} is not in {:?}", rank, list);
        }
    }
}

#[test]
fn the_one_that_decides_names_who_is_missing() {
    let mut world = World::new(4);
    let lost = BTreeSet::from([Rank(2)]);
    world.lost.insert(Rank(0), lost.clone());
    world.kill(Rank(2));
    for rank in [0, 1] {
        world.proceed(Rank(rank));
    }
    while world.deliver(0) {}
    assert_eq!(world.nodes[&Rank(0)].missing(&lost), [Rank(3)]);
    world.lost.insert(Rank(3), lost);
    world.proceed(Rank(3));
    while world.deliver(0) {}
    let members: Vec<Rank> = [100, 101, 103].map(Rank).into();
    assert_eq!(world.acted.values().collect::<Vec<_>>(), [&members, &members, &members]);
    assert_eq!(world.nodes[&Rank(0)].call(), 3);
}

/// Who decides leaves out at once whoever has not come; the others wait for it once more first.
#[test]
fn ranks_that_do_not_come_are_late_and_the_one_that_decides_last() {
    let mut world = World::new(4);
    for rank in [0, 1] {
        world.proceed(Rank(rank));
    }
    while world.deliver(0) {}
    let nobody = BTreeSet::new();
    let mut late = |rank| world.nodes.get_mut(&Rank(rank)).unwrap().late(&nobody);
    assert_eq!(late(0), [Rank(2), Rank(3)]);
    assert_eq!((late(1), late(1)), (Vec::new(), vec![Rank(0)]));
    world.lost.insert(Rank(0), [2, 3].map(Rank).into());
    world.proceed(Rank(0));
    while world.deliver(0) {}
    assert_eq!(world.acted[&Rank(1)], [100, 101].map(Rank));
    assert!(world.nodes.get_mut(&Rank(0)).unwrap().late(&nobody).is_empty(), "it is over");
}

#[test]
fn a_rank_that_was_taken_for_lost_is_told_that_it_is_out() {
    let mut world = World::new(3);
    world.lost.insert(Rank(0), BTreeSet::from([Rank(2)]));
    for rank in [2, 1, 0] {
        world.proceed(Rank(rank));
    }
    while world.deliver(0) {}
    assert!(matches!(world.nodes[&Rank(2)].outcome(), Some(Outcome::Excluded)));
    assert_eq!(world.acted[&Rank(1)], [Rank(100), Rank(101)]);
    let secret = |rank| match world.nodes[&Rank(rank)].outcome() {
        Some(Outcome::Member(decision)) => decision.epoch.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(secret(0).secret(), secret(1).secret());
}

#[test]
fn many_are_reached_although_each_writes_to_few() {
    let mut world = World::new(200);
    for rank in (0..200).map(Rank) {
        world.proceed(rank);
    }
    while world.deliver(0) {}
    assert_eq!(world.acted.len(), 200);
}

//! Law I2: free ≥ 0, and free + held + (charged − acked) = granted − returned − acked, whatever is done in whatever order.

#![expect(clippy::disallowed_methods, reason = "threads are the adversary here")]

use super::AccountLive;
use crate::ids::Id;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Grant(i64),
    Hold(i64),
    GiveBack,
    Settle(i64),
    Return(i64),
    Ack,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (-5i64..1_000).prop_map(Step::Grant),
        (-5i64..500).prop_map(Step::Hold),
        Just(Step::GiveBack),
        (-5i64..700).prop_map(Step::Settle),
        (-5i64..500).prop_map(Step::Return),
        Just(Step::Ack),
    ];
    prop::collection::vec(step, 1..200)
}

/// The same account, kept by a clerk with a pencil.
#[derive(Default)]
struct Clerk {
    granted: i64,
    returned: i64,
    charged: i64,
    acked: i64,
    holds: Vec<i64>,
}

impl Clerk {
    fn free(&self) -> i64 {
        self.granted - self.returned - self.charged - self.holds.iter().sum::<i64>()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_sums_agree_after_every_step(steps in steps()) {
        let account = AccountLive::new(Id::NIL);
        let mut clerk = Clerk::default();
        for step in steps {
            match step {
                Step::Grant(nano) => {
                    account.grant(nano);
                    clerk.granted += nano.max(0);
                }
                Step::Hold(nano) => {
                    let fits = nano >= 0 && nano <= clerk.free();
                    prop_assert_eq!(account.try_hold(nano), fits);
                    clerk.holds.extend(fits.then_some(nano));
                }
                Step::GiveBack => clerk.holds.pop().into_iter().for_each(|hold| account.give_back(hold)),
                Step::Settle(charge) => {
                    if let Some(hold) = clerk.holds.pop() {
                        account.settle(hold, charge);
                        clerk.charged += charge.clamp(0, hold);
                    }
                }
                Step::Return(max) => {
                    let expected = max.min(clerk.free()).max(0);
                    prop_assert_eq!(account.take_free(max), expected);
                    clerk.returned += expected;
                }
                Step::Ack => {
                    account.acked(clerk.charged - clerk.acked);
                    clerk.acked = clerk.charged;
                }
            }
            let held: i64 = clerk.holds.iter().sum();
            prop_assert!(account.free() >= 0);
            prop_assert_eq!((account.free(), account.held(), account.unacked()), (clerk.free(), held, clerk.charged - clerk.acked));
            prop_assert_eq!(account.free() + held + account.unacked(), clerk.granted - clerk.returned - clerk.acked);
        }
    }
}

#[test]
fn threads_never_spend_a_nano_twice() {
    const THREADS: i64 = 4;
    const ROUNDS: i64 = 20_000;
    let account = AccountLive::new(Id::NIL);
    let account = &account;
    let (charged, returned) = std::thread::scope(|scope| {
        let spend = move |seed: i64| {
            let (mut charged, mut returned) = (0, 0);
            for round in 0..ROUNDS {
                account.grant(3);
                let hold = (seed + round) % 11;
                if account.try_hold(hold) {
                    match round % 3 {
                        0 => account.give_back(hold),
                        _ => {
                            account.settle(hold, hold / 2);
                            charged += hold / 2;
                        }
                    }
                }
                if round % 7 == 0 {
                    returned += account.take_free(2);
                }
                assert!(account.free() >= 0, "overdrawn");
            }
            (charged, returned)
        };
        let threads: Vec<_> = (0..THREADS).map(|seed| scope.spawn(move || spend(seed))).collect();
        let sums = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        sums.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    });
    assert!(charged > 0 && returned > 0, "the test spent nothing");
    assert_eq!(account.held(), 0);
    assert_eq!(account.free() + charged + returned, THREADS * ROUNDS * 3);
    assert_eq!(account.charged(), charged);
}

#[test]
fn an_account_begins_on_a_line_of_its_own() {
    assert_eq!(align_of::<AccountLive>(), 64);
}

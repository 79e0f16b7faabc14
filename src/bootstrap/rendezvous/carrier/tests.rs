use super::qkey;

#[test]
fn jobs_have_q_keys_of_their_own_without_the_privileged_bit() {
    assert_eq!(qkey("demo"), QKEY_DEMO);
    assert_ne!(qkey("demo"), qkey("demo2"));
    for job in ["a", "b", "sealane", "local", "job-17"] {
        assert_eq!(qkey(job) >> 31, 0);
    }
}

/// By hand: `printf 'sealane v1 qkey\0demo' | sha256sum`, the first four bytes shifted by one.
const QKEY_DEMO: u32 = 0x02f18f40;

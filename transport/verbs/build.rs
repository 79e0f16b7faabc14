//! Compiles the shim over libibverbs where the device is wanted.

fn main() {
    println!("cargo::rerun-if-changed=src/sys/shim.c");
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "rdma-core")]
    {
        cc::Build::new()
            .file("src/sys/shim.c")
            .flag("-std=gnu11")
            .warnings(true)
            .extra_warnings(true)
            .warnings_into_errors(true)
            // The header's own inline functions leave parameters unused.
            .flag("-Wno-unused-parameter")
            .compile("sealane_verbs_shim");
        println!("cargo::rustc-link-lib=ibverbs");
    }
}

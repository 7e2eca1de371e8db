//! `include/abpn.h` is what cbindgen makes of the C interface's sources.
//!
//! A package of its own, so that its dependencies don't change how abpn is compiled for the other tests.

use std::path::Path;

#[test]
fn the_header_is_made_of_the_sources() {
    let capi = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let config = cbindgen::Config::from_file(capi.join("cbindgen.toml")).unwrap();
    let made = cbindgen::Builder::new().with_config(config).with_src(capi.join("src/lib.rs")).generate().unwrap();
    let mut text = Vec::new();
    made.write(&mut text);
    // Rust's word for it says little in C.
    let text = String::from_utf8(text).unwrap().replace("// # Safety\n", "// Required:\n");
    let path = capi.join("include/abpn.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "run `UPDATE_HEADER=1 cargo test -p abpn-capi-header`");
}

//! Starts with and without a cache, on every adapter of this machine and on the CPU.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::gpu::test::test_adapters;
use crate::net::random::random_net;

/// A cache in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory {
    /// The names of this kind.
    fn names(&self, kind: &str) -> Vec<String> {
        self.0.lock().unwrap().keys().filter(|name| name.starts_with(&format!("{kind}/"))).cloned().collect()
    }
}

impl Cache for Memory {
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        self.0.lock().unwrap().insert(name.to_owned(), bytes.to_vec());
    }
}

fn net() -> Net {
    random_net(3, 2, &[6, 5]).unwrap()
}

/// The CPU, and every adapter.
fn targets() -> Vec<Target> {
    let gpus = test_adapters().into_iter().map(|adapter| Target::Adapter(adapter.adapter));
    [Target::Cpu].into_iter().chain(gpus).collect()
}

#[test]
fn a_verdict_is_remembered_and_believed() {
    for target in targets() {
        let cache = Memory::default();
        let build = |when| Upscaler::builder(net()).target(target.clone()).cache(&cache).self_test(when).build();
        build(When::Never).unwrap();
        assert!(cache.names("selftest").is_empty());
        build(When::Once).unwrap();
        let [name] = &cache.names("selftest")[..] else { panic!("one verdict") };
        let failed = br#"{"device":"x","failure":{"adapter":"x","stage":"conv3x3","detail":"wrong"}}"#;
        cache.write(name, failed);
        assert!(matches!(build(When::Once), Err(Error::SelfTest { .. })));
        build(When::Always).unwrap();
        assert_ne!(cache.read(name).unwrap(), failed);
        build(When::Once).unwrap();
    }
}

#[test]
fn tuned_kernels_are_remembered_and_foreign_ones_ignored() {
    for adapter in test_adapters() {
        let cache = Memory::default();
        let target = Target::Adapter(adapter.adapter);
        let build = |when| Upscaler::builder(net()).target(target.clone()).cache(&cache).tune(when).build().unwrap();
        let tuned = build(When::Always);
        assert!(tuned.startup().tuned.is_some() && tuned.startup().ignored.is_none());
        let [name] = &cache.names("kernels")[..] else { panic!("one choice") };
        let again = build(When::Once);
        assert!(again.startup().tuned.is_none());
        assert_eq!(again.kernels(), tuned.kernels());
        // A choice wins over what is remembered.
        let chosen = gpu::Kernels::only(gpu::Kernel::DOT4);
        let builder = Upscaler::builder(net()).target(target.clone()).cache(&cache).kernels(chosen);
        let chosen = builder.tune(When::Always).build().unwrap();
        assert!(chosen.kernels().iter().all(|&(_, kernel)| kernel == gpu::Kernel::DOT4));
        cache.write(name, b"{}");
        let ignored = build(When::Never);
        assert!(ignored.startup().ignored.as_ref().is_some_and(|why| why.contains(name)));
    }
}

#[test]
fn auto_says_why_it_took_the_cpu() {
    let upscaler = Upscaler::new(net(), Target::Auto).unwrap();
    assert_eq!(upscaler.fallback().is_some(), upscaler.device().starts_with("CPU"), "{:?}", upscaler.fallback());
    assert!(Upscaler::new(net(), Target::Cpu).unwrap().fallback().is_none());
}

#[test]
fn an_adapter_that_is_not_there_is_an_error_with_those_that_are() {
    let choice = gpu::Choice::Name("no such card".to_owned());
    let error = Upscaler::new(net(), Target::Gpu(choice)).unwrap_err();
    let Error::NoAdapter { wanted: Some(wanted), seen } = &error else { panic!("{error}") };
    assert!(wanted.contains("no such card") && !seen.is_empty());
    assert!(!error.to_string().contains("--"), "an option of the program: {error}");
}

//! The self-test's outcome, remembered: once for each device with its driver, a net and a version of abpn.

use serde_json::{Value, json};

use super::{Passed, run};
use crate::backend::Backend;
use crate::cache::{self, Cache};
use crate::options::When;
use crate::{Error, Result};

/// The proof that `engine` passed the self-test: as `cache` remembers, or by a test now, whose outcome it then remembers.
///
/// # Errors
/// [`Error::SelfTest`] if it failed, now or then; whatever the device refuses.
pub(crate) fn passed(engine: &dyn Backend, when: When, cache: Option<&dyn Cache>) -> Result<Passed> {
    let name = cache::name("selftest", engine.identity(), "json");
    let known = cache.filter(|_| when != When::Always).and_then(|cache| read(&cache.read(&name)?));
    if let Some(outcome) = known {
        return outcome.map(|()| Passed { identity: engine.identity() });
    }
    log::debug!("testing {}", engine.label());
    let outcome = run(engine.net(), engine);
    // A device that was lost or busy may work the next time.
    if let (Some(cache), Ok(_) | Err(Error::SelfTest { .. })) = (cache, &outcome) {
        let failure = outcome.as_ref().err();
        cache.write(&name, written(&engine.label(), failure).to_string().as_bytes());
    }
    outcome
}

/// A verdict's text; `device` is for people who look into it.
fn written(device: &str, failure: Option<&Error>) -> Value {
    let failure = match failure {
        Some(Error::SelfTest { adapter, stage, detail }) => {
            json!({ "adapter": adapter, "stage": stage, "detail": detail })
        }
        _ => Value::Null,
    };
    json!({ "device": device, "failure": failure })
}

/// The outcome that a text tells; none if it is damaged.
fn read(bytes: &[u8]) -> Option<Result<()>> {
    let verdict: Value = serde_json::from_slice(bytes).ok()?;
    verdict.get("device")?.as_str()?;
    let failure = verdict.get("failure")?;
    if failure.is_null() {
        return Some(Ok(()));
    }
    let text = |name| failure.get(name)?.as_str().map(str::to_owned);
    Some(Err(Error::SelfTest { adapter: text("adapter")?, stage: text("stage")?, detail: text("detail")? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_written_and_a_damaged_one_is_none() {
        assert!(matches!(read(written("x", None).to_string().as_bytes()), Some(Ok(()))));
        let text = |text: &str| text.to_owned();
        let failure = Error::SelfTest { adapter: text("a \"b\""), stage: text("c"), detail: text("d") };
        let written = written("x", Some(&failure)).to_string();
        let Some(Err(read_back)) = read(written.as_bytes()) else { panic!("{written}") };
        assert_eq!(read_back.to_string(), failure.to_string());
        for end in 0..written.len() {
            assert!(read(&written.as_bytes()[..end]).is_none());
        }
        for damaged in ["{}", "null", r#"{"device":"x"}"#, r#"{"failure":null}"#, r#"{"device":"x","failure":{}}"#] {
            assert!(read(damaged.as_bytes()).is_none(), "{damaged}");
        }
    }
}

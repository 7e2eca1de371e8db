//! PyTorch's checkpoints: a pickle with the tensors' names, and their values beside it in a zip archive, or behind it in the
//! form from before 1.6.

use std::collections::HashMap;

use super::archive::Archive;
use super::pickle::{Id, Pickle, Tensor, Value};
use super::tensors::{NamedTensor, Tensors};
use super::{bfloat_to_f32, half_to_f32};
use crate::{Error, Result};

/// Dictionaries that hold a net's tensors, the first that is there: Real-ESRGAN's names and others in use.
const KEYS: [&str; 8] =
    ["params_ema", "params", "state_dict", "model_state_dict", "model", "net", "generator", "net_g"];

/// How deep such dictionaries are looked for.
const DEPTH: usize = 3;

/// Most values of a net's tensors together; the largest net has 2.4 million.
const MOST_VALUES: usize = 16 << 20;

/// Whether an archive is a checkpoint, or a program of TorchScript.
pub(super) fn is_checkpoint(archive: &Archive) -> bool {
    archive.find("data.pkl").is_some()
}

/// Whether these bytes begin like the form without an archive: a pickle of the magic number.
pub(super) fn is_legacy(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..]) && Pickle::read(bytes).is_ok_and(|pickle| is_magic(&pickle))
}

/// The magic number is a pickled integer of 10 bytes, too long for what is read of integers.
fn is_magic(pickle: &Pickle) -> bool {
    *pickle.value(pickle.root) == Value::Opaque && pickle.len < 32
}

/// The tensors of a checkpoint in an archive.
///
/// # Errors
/// [`Error::WeightFile`] if it has none, or is damaged.
pub(super) fn read(archive: &mut Archive) -> Result<Tensors> {
    if archive.find("constants.pkl").is_some() {
        let reason = "it is a program of TorchScript; save the net's state_dict() instead";
        return Err(Error::WeightFile(reason.to_owned()));
    }
    let big_endian = match archive.find("byteorder") {
        Some(entry) => archive.bytes(&entry)?.starts_with(b"big"),
        None => false,
    };
    if big_endian {
        return Err(Error::WeightFile("its values are big-endian".to_owned()));
    }
    let name = archive.find("data.pkl").ok_or_else(|| Error::WeightFile("it has no data.pkl".to_owned()))?;
    let folder = name.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    let pickle = Pickle::read(&archive.bytes(&name)?)?;
    tensors(&pickle, pickle.root, &mut |key| archive.bytes(&format!("{folder}data/{key}")))
}

/// The tensors of a checkpoint from before there were archives.
///
/// # Errors
/// [`Error::WeightFile`] if it has none, or is damaged.
pub(super) fn read_legacy(bytes: &[u8]) -> Result<Tensors> {
    let mut rest = bytes;
    // The magic number, the version and the system; the tensors; the storages' names.
    let mut pickle = || -> Result<Pickle> {
        let pickle = Pickle::read(rest)?;
        rest = &rest[pickle.len..];
        Ok(pickle)
    };
    for _ in 0..3 {
        pickle()?;
    }
    let (net, keys) = (pickle()?, pickle()?);
    let damaged = || Error::WeightFile("its storages are damaged".to_owned());
    let sizes = element_sizes(&net);
    let mut storages = HashMap::new();
    for &key in keys.sequence(keys.root).ok_or_else(damaged)? {
        let key = keys.text(key).ok_or_else(damaged)?;
        let (count, after) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
        let size = sizes.get(key).copied().ok_or_else(damaged)?;
        let len = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(size));
        let len = len.filter(|&len| len <= after.len()).ok_or_else(damaged)?;
        storages.insert(key.to_owned(), &after[..len]);
        rest = &after[len..];
    }
    tensors(&net, net.root, &mut |key| storages.get(key).map(|bytes| bytes.to_vec()).ok_or_else(damaged))
}

/// Bytes of an element of each storage, by its key.
fn element_sizes(pickle: &Pickle) -> HashMap<String, usize> {
    let storages = pickle.values().iter().filter_map(|value| match value {
        Value::Persistent(description) => Storage::new(pickle, *description).ok(),
        _ => None,
    });
    storages.map(|storage| (storage.key.to_owned(), storage.element.size())).collect()
}

/// The tensors of the first dictionary that holds some.
fn tensors(pickle: &Pickle, root: Id, bytes: &mut dyn FnMut(&str) -> Result<Vec<u8>>) -> Result<Tensors> {
    let none = || Error::WeightFile("it holds no dictionary of tensors; save the net's state_dict()".to_owned());
    let mut at = root;
    for _ in 0..DEPTH {
        let entries = pickle.entries(at).ok_or_else(none)?;
        if let Some(&(_, inner)) = KEYS.iter().find_map(|key| {
            entries.iter().find(|(name, value)| name == key && matches!(pickle.value(*value), Value::Dictionary(_)))
        }) {
            at = inner;
            continue;
        }
        let mut left = MOST_VALUES;
        let mut found = Tensors::default();
        for (name, value) in entries {
            let Value::Tensor(tensor) = pickle.value(value) else { continue };
            // Counters and the like.
            if tensor.shape.is_empty() {
                continue;
            }
            let values = values(pickle, tensor, bytes, &mut left)
                .map_err(|error| Error::Tensor { tensor: name.to_owned(), reason: error.to_string() })?;
            found.push(NamedTensor { name: name.to_owned(), shape: tensor.shape.clone(), values });
        }
        return if found.is_empty() { Err(none()) } else { Ok(found) };
    }
    Err(none())
}

/// What a storage's description says.
struct Storage<'a> {
    element: Element,
    key: &'a str,
}

impl<'a> Storage<'a> {
    /// `description` is ("storage", class, key, device, count).
    fn new(pickle: &'a Pickle, description: Id) -> Result<Self> {
        let damaged = || Error::WeightFile("it has a storage without a description".to_owned());
        let items = pickle.sequence(description).filter(|items| items.len() >= 3).ok_or_else(damaged)?;
        let (Value::Global(class), Some(key)) = (pickle.value(items[1]), pickle.text(items[2])) else {
            return Err(damaged());
        };
        let element = match class.rsplit('.').next().unwrap_or_default() {
            "FloatStorage" => Element::F32,
            "HalfStorage" => Element::F16,
            "BFloat16Storage" => Element::Bf16,
            "DoubleStorage" => Element::F64,
            other => return Err(Error::WeightFile(format!("its values are of a {other}, not of real numbers"))),
        };
        Ok(Self { element, key })
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
enum Element {
    F16,
    Bf16,
    F32,
    F64,
}

impl Element {
    fn size(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The value of so many bytes.
    #[expect(clippy::cast_possible_truncation, reason = "a net's weights are f32")]
    fn value(self, bytes: &[u8]) -> f32 {
        let chunk = |len: usize| &bytes[..len.min(bytes.len())];
        match self {
            Self::F16 => chunk(2).try_into().map_or(0.0, |bytes| half_to_f32(u16::from_le_bytes(bytes))),
            Self::Bf16 => chunk(2).try_into().map_or(0.0, |bytes| bfloat_to_f32(u16::from_le_bytes(bytes))),
            Self::F32 => chunk(4).try_into().map_or(0.0, f32::from_le_bytes),
            Self::F64 => chunk(8).try_into().map_or(0.0, |bytes| f64::from_le_bytes(bytes) as f32),
        }
    }
}

/// A tensor's values in the order of its shape; `left` is how many more there may be.
fn values(
    pickle: &Pickle,
    tensor: &Tensor,
    bytes: &mut dyn FnMut(&str) -> Result<Vec<u8>>,
    left: &mut usize,
) -> Result<Vec<f32>> {
    let damaged = |reason: &str| Error::WeightFile(reason.to_owned());
    let Value::Persistent(description) = pickle.value(tensor.storage) else {
        return Err(damaged("its values are nowhere"));
    };
    let Storage { element, key } = Storage::new(pickle, *description)?;
    if tensor.strides.len() != tensor.shape.len() {
        return Err(damaged("its shape and its strides don't fit"));
    }
    let count = tensor.shape.iter().try_fold(1usize, |count, &len| count.checked_mul(len));
    let count =
        count.filter(|count| count <= left).ok_or_else(|| damaged("it is too large for a net of this family"))?;
    *left -= count;
    let bytes = bytes(key)?;
    let mut values = Vec::with_capacity(count);
    for index in 0..count {
        let (mut rest, mut at) = (index, tensor.offset);
        for (&len, &stride) in tensor.shape.iter().zip(&tensor.strides).rev() {
            at = stride
                .checked_mul(rest % len)
                .and_then(|step| at.checked_add(step))
                .ok_or_else(|| damaged("its strides are too large"))?;
            rest /= len;
        }
        let bytes = at.checked_mul(element.size()).and_then(|at| bytes.get(at..)?.get(..element.size()));
        values.push(element.value(bytes.ok_or_else(|| damaged("its storage ends too early"))?));
    }
    Ok(values)
}

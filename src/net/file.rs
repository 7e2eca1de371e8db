//! A net's weight file.
//!
//! A safetensors file; tensors of layer `i` of `out` channels that reads `in` channels:
//!
//! | tensor | type | shape |
//! |---|---|---|
//! | `conv.{i}.weight` | I8 | `[out, in, 3, 3]` |
//! | `conv.{i}.bias` | I32 | `[out]` |
//! | `conv.{i}.limit` | U32 | `[out]` |
//! | `conv.{i}.pre` | U8 | `[out]` |
//! | `conv.{i}.mul` | U16 | `[out]` |
//! | `conv.{i}.post` | U8 | `[out]` |
//!
//! A layer with PReLU has no `limit`, and instead
//!
//! | tensor | type | shape |
//! |---|---|---|
//! | `conv.{i}.mul_negative` | I16 | `[out]` |
//! | `conv.{i}.zero_point` | U8 | `[1]` |
//!
//! Metadata: `format`, `version` and `scheme` say what the file is, `scale` and `border` are the net's; all others are
//! notes. A file without `border` is of a net with zeros. `scheme` is [`SCHEME`], or [`PRELU_SCHEME`] if a layer has PReLU.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::quantize;
use super::tensors::{self, Reader, Tensor, tensor_error, tensor_name};
use super::{Border, Layer, Net, Prelu};
use crate::{Error, Result};

/// The metadata entry `format`.
pub const FORMAT: &str = "abpn";
/// The metadata entry `version`: it changes when files of this version can no longer be read.
pub const VERSION: &str = "1";
/// The metadata entry `scheme`: the arithmetic that [`Layer`] describes.
pub const SCHEME: &str = "abpn-int8";

/// The same for nets of which a layer has PReLU, so that what only knows ReLU refuses them.
pub const PRELU_SCHEME: &str = "abpn-int8-prelu";

/// Keys of the metadata that are no notes.
const RESERVED: [&str; 5] = ["format", "version", "scheme", "scale", "border"];

/// The tensors of a layer with ReLU, and of the last one.
const NAMES: [&str; 6] = ["weight", "bias", "limit", "pre", "mul", "post"];

/// All tensors that a layer of a net with PReLU may have.
const PRELU_NAMES: [&str; 8] = ["weight", "bias", "limit", "pre", "mul", "post", "mul_negative", "zero_point"];

/// Most bytes of all notes together: JSON may take six for one, and the header of a file has its own limit.
const MAX_NOTES_BYTES: usize = 64 << 10;

/// Checks that the notes of a net don't stand in for the file's own metadata, and that a file can hold them.
pub(super) fn check_notes(notes: &BTreeMap<String, String>) -> Result<()> {
    check_notes_beside(notes, &RESERVED)
}

/// The same for a file whose own metadata is `reserved`.
pub(super) fn check_notes_beside(notes: &BTreeMap<String, String>, reserved: &[&str]) -> Result<()> {
    if let Some(key) = reserved.iter().find(|&&key| notes.contains_key(key)) {
        return Err(Error::WeightFile(format!("a note can't be called {key:?}: the file format uses that name")));
    }
    let bytes: usize = notes.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_NOTES_BYTES {
        return Err(Error::WeightFile(format!("its notes have {bytes} bytes; {MAX_NOTES_BYTES} are the most")));
    }
    Ok(())
}

impl Net {
    /// Reads a weight file's bytes. A file that is damaged, hostile or not fit to run gives an error, never a panic.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the first tensor that is missing, unknown, misshapen or not fit to run;
    /// [`Error::WeightFile`] if the file as a whole is not what this version reads.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let reader = Reader::new(bytes)?;
        if reader.entry("format")? == quantize::FORMAT {
            let reason = "it holds float weights; `abpn model quantize` makes an integer net of them";
            return Err(Error::WeightFile(reason.to_owned()));
        }
        reader.expect_entry("format", FORMAT)?;
        reader.expect_entry("version", VERSION)?;
        let names = if reader.entry("scheme")? == PRELU_SCHEME {
            &PRELU_NAMES[..]
        } else {
            reader.expect_entry("scheme", SCHEME)?;
            &NAMES
        };
        let scale = reader.scale()?;
        let layers = (0..reader.layers(names)?).map(|layer| read_layer(&reader, layer)).collect::<Result<_>>()?;
        Ok(Self::new(scale, layers, reader.notes(&RESERVED))?.with_border(reader.border()?))
    }

    /// The net as the bytes of a weight file, which [`Net::read`] reads. The same net always gives the same bytes.
    pub fn write(&self) -> Vec<u8> {
        let scale = self.scale.to_string();
        let mut metadata: BTreeMap<&str, &str> = self.notes.iter().map(|(key, value)| (&**key, &**value)).collect();
        metadata.extend([("format", FORMAT), ("version", VERSION), ("scheme", self.scheme()), ("scale", &scale)]);
        // Files from before there was another border have no such entry.
        if self.border != Border::default() {
            metadata.insert("border", self.border.name());
        }
        tensors::write(&metadata, self.layers.iter().enumerate().flat_map(layer_tensors).collect())
    }

    /// The metadata entry `scheme` of its file: [`SCHEME`], or [`PRELU_SCHEME`] if a layer has PReLU.
    pub fn scheme(&self) -> &'static str {
        if self.has_prelu() { PRELU_SCHEME } else { SCHEME }
    }
}

fn read_layer(reader: &Reader, layer: usize) -> Result<Layer> {
    let (outputs, inputs) = reader.channels(layer)?;
    let vector = |name, dtype| reader.bytes(layer, name, dtype, &[outputs]);
    let is_prelu = ["mul_negative", "zero_point"].iter().any(|name| reader.has(layer, name));
    if is_prelu && reader.has(layer, "limit") {
        return Err(tensor_error(layer, "limit", "a layer with PReLU, as its other tensors say, has none"));
    }
    Ok(Layer {
        in_channels: inputs,
        out_channels: outputs,
        weights: bytemuck::cast_slice(reader.bytes(layer, "weight", Dtype::I8, &[outputs, inputs, 3, 3])?).to_vec(),
        bias: vector("bias", Dtype::I32)?.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect(),
        limit: if is_prelu { &[] } else { vector("limit", Dtype::U32)? }
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| u32::from_le_bytes(bytes))
            .collect(),
        pre: vector("pre", Dtype::U8)?.to_vec(),
        mul: vector("mul", Dtype::U16)?.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect(),
        post: vector("post", Dtype::U8)?.to_vec(),
        prelu: if is_prelu { Some(read_prelu(reader, layer, outputs)?) } else { None },
    })
}

fn read_prelu(reader: &Reader, layer: usize, outputs: usize) -> Result<Prelu> {
    let mul_negative = reader.bytes(layer, "mul_negative", Dtype::I16, &[outputs])?.as_chunks().0;
    Ok(Prelu {
        mul_negative: mul_negative.iter().map(|&bytes| i16::from_le_bytes(bytes)).collect(),
        zero_point: reader.bytes(layer, "zero_point", Dtype::U8, &[1])?[0],
    })
}

fn layer_tensors((index, layer): (usize, &Layer)) -> Vec<Tensor> {
    let (outputs, inputs) = (layer.out_channels, layer.in_channels);
    let tensor = |name, dtype, bytes| Tensor { name: tensor_name(index, name), dtype, shape: vec![outputs], bytes };
    let weights = tensor("weight", Dtype::I8, bytemuck::cast_slice(&layer.weights).to_vec());
    let mut tensors = vec![
        Tensor { shape: vec![outputs, inputs, 3, 3], ..weights },
        tensor("bias", Dtype::I32, layer.bias.iter().flat_map(|value| value.to_le_bytes()).collect()),
        tensor("pre", Dtype::U8, layer.pre.clone()),
        tensor("mul", Dtype::U16, layer.mul.iter().flat_map(|value| value.to_le_bytes()).collect()),
        tensor("post", Dtype::U8, layer.post.clone()),
    ];
    if let Some(Prelu { mul_negative, zero_point }) = &layer.prelu {
        let bytes = mul_negative.iter().flat_map(|value| value.to_le_bytes()).collect();
        tensors.push(tensor("mul_negative", Dtype::I16, bytes));
        tensors.push(Tensor { shape: vec![1], ..tensor("zero_point", Dtype::U8, vec![*zero_point]) });
    } else {
        tensors.push(tensor("limit", Dtype::U32, layer.limit.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }
    tensors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::random::{random_net, random_prelu_net};
    use crate::net::{ABPN_X3, MAX_CHANNELS, MAX_FILE_BYTES, MAX_LAYERS};
    use serde_json::{Value, json};

    fn small() -> Net {
        let net = random_net(1, 2, &[3]).unwrap();
        let notes = BTreeMap::from([("provenance".to_owned(), "a \"test\"\n\u{1f642}\0".to_owned())]);
        Net::new(net.scale(), net.layers().to_vec(), notes).unwrap()
    }

    /// The file with another header, which `change` makes of the old one.
    fn with_header(file: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let (header, data) = parts(file);
        let mut header = serde_json::from_slice(header).unwrap();
        change(&mut header);
        joined(header.to_string().as_bytes(), data)
    }

    fn parts(file: &[u8]) -> (&[u8], &[u8]) {
        let length = u64::from_le_bytes(*file.first_chunk().unwrap());
        file[8..].split_at(usize::try_from(length).unwrap())
    }

    fn joined(header: &[u8], data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header, data].concat()
    }

    fn reason(file: &[u8]) -> String {
        Net::read(file).unwrap_err().to_string()
    }

    #[test]
    fn a_net_survives_its_file() {
        let prelu = random_prelu_net(4, 1, &[5, 64, 7]).unwrap();
        let mut layers = prelu.layers().to_vec();
        layers[1] = random_net(4, 1, &[5, 64, 7]).unwrap().layers()[1].clone();
        let mixed = Net::new(1, layers, BTreeMap::new()).unwrap();
        for net in [small(), random_net(2, 3, &[28, 28, 5, 64]).unwrap(), random_net(3, 4, &[]).unwrap(), prelu, mixed]
        {
            let file = net.write();
            assert_eq!(Net::read(&file).unwrap(), net);
            assert_eq!(net.write(), file);
        }
    }

    #[test]
    fn the_largest_net_fits_the_limits_with_room_to_spare() {
        let net = random_net(4, 4, &[MAX_CHANNELS; MAX_LAYERS - 1]).unwrap();
        // Six bytes of JSON each.
        let notes = BTreeMap::from([("k".to_owned(), "\u{1}".repeat(MAX_NOTES_BYTES - 1))]);
        let net = Net::new(net.scale(), net.layers().to_vec(), notes).unwrap();
        let file = net.write();
        assert!(file.len() < MAX_FILE_BYTES / 4);
        assert_eq!(Net::read(&file).unwrap(), net);
    }

    #[test]
    fn notes_that_a_file_cannot_hold_are_refused() {
        let net = small();
        for (key, length) in
            [("scale", 1), ("border", 1), ("format", 1), ("version", 1), ("scheme", 1), ("k", MAX_NOTES_BYTES)]
        {
            let notes = BTreeMap::from([(key.to_owned(), "x".repeat(length))]);
            assert!(Net::new(2, net.layers().to_vec(), notes).is_err(), "{key}");
        }
    }

    #[test]
    fn the_border_is_a_part_of_the_net() {
        let (zeros, mirror) = (small(), small().with_border(Border::Mirror));
        assert_ne!(zeros, mirror);
        assert_eq!(Net::read(&mirror.write()).unwrap(), mirror);
        let named = |border: &str| {
            with_header(&zeros.write(), |header| {
                header["__metadata__"].as_object_mut().unwrap().insert("border".to_owned(), json!(border));
            })
        };
        assert_eq!(Net::read(&named("zeros")).unwrap(), zeros);
        assert_eq!(Net::read(&named("mirror")).unwrap(), mirror);
        assert!(reason(&named("edge")).contains("border is \"edge\""));
        // Files of zeros are what they were before.
        let written = zeros.write();
        assert!(!String::from_utf8_lossy(parts(&written).0).contains("border"));
    }

    #[test]
    fn tensors_are_aligned() {
        let file = small().write();
        let (header, _) = parts(&file);
        assert_eq!(header.len() % 8, 0);
        let header: Value = serde_json::from_slice(header).unwrap();
        for (name, tensor) in header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__") {
            let bytes = if name.ends_with("bias") || name.ends_with("limit") { 4 } else { 1 };
            let bytes = if name.ends_with("mul") { 2 } else { bytes };
            assert_eq!(tensor["data_offsets"][0].as_u64().unwrap() % bytes, 0, "{name}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        let file = small().write();
        for length in 0..file.len() {
            assert!(Net::read(&file[..length]).is_err(), "{length} bytes");
        }
        assert!(Net::read(&[&file[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_damaged_byte_gives_an_error_or_a_net_that_is_proved() {
        let file = small().write();
        let (mut errors, mut nets) = (0, 0);
        for index in 0..file.len() {
            for pattern in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[index] ^= pattern;
                match Net::read(&damaged) {
                    Ok(net) => {
                        assert_eq!(Net::read(&net.write()).unwrap(), net);
                        nets += 1;
                    }
                    Err(_) => errors += 1,
                }
            }
        }
        assert!(errors > 1000 && nets > 100, "{errors} errors, {nets} nets");
    }

    #[test]
    fn sizes_are_refused_before_anything_is_allocated_for_them() {
        let file = small().write();
        for length in [u64::MAX, u64::MAX - 7, 1 << 40, (1 << 20) + 1] {
            let mut claim = file.clone();
            claim[..8].copy_from_slice(&length.to_le_bytes());
            assert!(reason(&claim).contains("header claims"), "{length}");
        }
        assert!(reason(&vec![0; MAX_FILE_BYTES + 1]).contains("more than"));
        let huge = with_header(&file, |header| header["conv.0.weight"]["shape"] = json!([u64::MAX, u64::MAX, 3, 3]));
        assert!(Net::read(&huge).is_err());
        let nested = joined("[".repeat(1 << 19).as_bytes(), &[]);
        assert!(Net::read(&nested).is_err());
    }

    #[test]
    fn metadata_must_be_what_this_version_reads() {
        let file = small().write();
        for (key, value, expected) in [
            ("format", "other", "format is \"other\""),
            ("format", "abpn-float", "abpn model quantize"),
            ("version", "2", "version is \"2\""),
            ("scheme", "int4", "scheme is \"int4\""),
            ("scale", "5", "scale is 5"),
            ("scale", "three", "not a number"),
            ("scale", "-2", "not a number"),
        ] {
            let changed = with_header(&file, |header| header["__metadata__"][key] = json!(value));
            assert!(reason(&changed).contains(expected), "{key} {value}: {}", reason(&changed));
            let missing = with_header(&file, |header| {
                header["__metadata__"].as_object_mut().unwrap().remove(key);
            });
            assert!(reason(&missing).contains(&format!("no \"{key}\"")), "{}", reason(&missing));
        }
        let none = with_header(&file, |header| {
            header.as_object_mut().unwrap().remove("__metadata__");
        });
        assert!(reason(&none).contains("no \"format\""));
        // The scale of a valid file, but not of its layers.
        let other = with_header(&file, |header| header["__metadata__"]["scale"] = json!("3"));
        assert!(reason(&other).contains("conv.1.weight"), "{}", reason(&other));
    }

    #[test]
    fn tensors_must_be_the_known_ones_with_their_types_and_shapes() {
        let file = small().write();
        for layer in 0..2 {
            for name in NAMES {
                let tensor = tensor_name(layer, name);
                let check = |change: &dyn Fn(&mut Value), expected: &str| {
                    let reason = reason(&with_header(&file, |header| change(header)));
                    assert!(reason.contains(expected) && reason.contains("conv."), "{tensor}: {reason}");
                };
                let renamed = |to: String| {
                    let tensor = &tensor;
                    move |header: &mut Value| {
                        let entry = header.as_object_mut().unwrap().remove(tensor).unwrap();
                        header[&to] = entry;
                    }
                };
                check(&renamed(format!("conv.{layer}.{name}s")), "unknown");
                check(&renamed(format!("conv.0{layer}.{name}")), "unknown");
                check(&renamed(format!("conv.+{layer}.{name}")), "unknown");
                check(&renamed(name.to_owned()), "unknown");
                check(
                    &renamed(format!("conv.{layer}{layer}{layer}.{name}")),
                    if layer == 0 { "unknown" } else { "layers" },
                );
                check(&renamed(format!("conv.{}.{name}", usize::MAX)), "layers");
                check(&renamed(format!("conv.2.{name}")), "missing");
                let dtype = if name == "weight" || name == "pre" || name == "post" { "F8_E4M3" } else { "BF16" };
                let width = if name == "mul" { 1 } else { 2 };
                check(
                    &|header| {
                        header[&tensor]["dtype"] = json!(dtype);
                        if dtype == "BF16" {
                            header[&tensor]["shape"][0] = json!(header[&tensor]["shape"][0].as_u64().unwrap() * width);
                        }
                    },
                    "type is",
                );
                check(&|header| header[&tensor]["shape"].as_array_mut().unwrap().push(json!(1)), "shape");
            }
        }
    }

    #[test]
    fn a_prelu_is_in_files_of_its_scheme_alone() {
        let net = random_prelu_net(1, 2, &[3]).unwrap();
        let file = net.write();
        let entry = |file: &[u8], key: &str| {
            let header: Value = serde_json::from_slice(parts(file).0).unwrap();
            header["__metadata__"][key].as_str().unwrap().to_owned()
        };
        assert_eq!(entry(&file, "scheme"), "abpn-int8-prelu");
        assert_eq!(entry(&small().write(), "scheme"), "abpn-int8");
        let other = with_header(&file, |header| header["__metadata__"]["scheme"] = json!(SCHEME));
        assert!(reason(&other).contains("mul_negative") && reason(&other).contains("unknown"), "{}", reason(&other));
        let other = with_header(&small().write(), |header| header["__metadata__"]["scheme"] = json!(PRELU_SCHEME));
        assert_eq!(Net::read(&other).unwrap(), small());
        for name in ["mul_negative", "zero_point"] {
            let missing = with_header(&file, |header| {
                let entry = header.as_object_mut().unwrap().remove(&tensor_name(0, name)).unwrap();
                header["conv.1.bias2"] = entry;
            });
            assert!(Net::read(&missing).is_err());
            let renamed = with_header(&file, |header| {
                let entry = header.as_object_mut().unwrap().remove(&tensor_name(0, name)).unwrap();
                header[tensor_name(1, name)] = entry;
            });
            assert!(Net::read(&renamed).is_err());
            let mistyped = with_header(&file, |header| header[tensor_name(0, name)]["dtype"] = json!("F8_E4M3"));
            assert!(Net::read(&mistyped).is_err());
            let reshaped = with_header(&file, |header| {
                header[tensor_name(0, name)]["shape"].as_array_mut().unwrap().push(json!(1));
            });
            assert!(reason(&reshaped).contains("shape"), "{}", reason(&reshaped));
        }
        let both = with_header(&file, |header| header["conv.0.limit"] = header["conv.0.bias"].clone());
        // Two tensors of one place in the file: either check may be the first to say so.
        assert!(Net::read(&both).is_err());
    }

    #[test]
    fn layers_must_be_numbered_without_gaps() {
        let file = small().write();
        let shifted = with_header(&file, |header| {
            for name in NAMES {
                let entry = header.as_object_mut().unwrap().remove(&tensor_name(1, name)).unwrap();
                header[tensor_name(2, name)] = entry;
            }
        });
        assert_eq!(reason(&shifted), "tensor \"conv.1.weight\": it is missing");
        let empty =
            joined(br#"{"__metadata__":{"format":"abpn","version":"1","scheme":"abpn-int8","scale":"2"}}"#, &[]);
        assert!(reason(&empty).contains("0 layers"));
    }

    #[test]
    fn a_key_that_comes_twice_is_no_way_past_the_checks() {
        let file = small().write();
        let (header, data) = parts(&file);
        let header = std::str::from_utf8(header).unwrap().trim_end();
        let doubled = |extra: &str| joined(format!("{{{extra},{}", &header[1..]).as_bytes(), data);
        for extra in [
            r#""__metadata__":{"format":"abpn"}"#,
            r#""conv.0.bias":{"dtype":"I32","shape":[1000000],"data_offsets":[0,4000000]}"#,
            r#""conv.0.bias":{"dtype":"I32","shape":[3],"data_offsets":[0,12]}"#,
            r#""conv.0.weight":{"dtype":"I8","shape":[0],"data_offsets":[0,0]}"#,
        ] {
            if let Ok(net) = Net::read(&doubled(extra)) {
                assert_eq!(net, small(), "{extra}");
            }
        }
    }

    #[test]
    fn the_shipped_net_is_abpn_x3() {
        let net = Net::read(ABPN_X3).unwrap();
        assert_eq!(net.scale(), 3);
        assert_eq!(net.hidden().iter().map(|layer| layer.out_channels).collect::<Vec<_>>(), [28, 28, 28, 28, 28, 27]);
        assert_eq!(net.notes()["license"], "MIT OR Apache-2.0");
        assert!(net.notes()["provenance"].contains("weights/README.md"));
        assert_eq!(net.notes().len(), 2);
        assert!(net.layers().iter().all(Layer::is_exact_in_f32));
        assert_eq!(net.write(), ABPN_X3);
    }
}

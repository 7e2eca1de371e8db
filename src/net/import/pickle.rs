//! Python's pickle, as data: lists, dictionaries, numbers, text and the tensors of PyTorch. Nothing in it is executed; what
//! would call something else than the few constructors of tensors becomes an opaque value.

use std::collections::HashMap;

use crate::{Error, Result};

/// The number of a value in a [`Pickle`].
pub(super) type Id = usize;

/// A value. Values refer to others by number: a pickle may share them, and may go in circles.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// None, or what has no meaning here.
    Opaque,
    Bool(bool),
    Int(i64),
    Text(String),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    /// In the order in which the entries were made.
    Dictionary(Vec<(Id, Id)>),
    /// A function or class, by module and name.
    Global(String),
    /// What the file that the pickle is in keeps elsewhere, by what says where.
    Persistent(Id),
    /// A tensor in a storage.
    Tensor(Tensor),
}

/// Where a tensor's values are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    /// A [`Value::Persistent`].
    pub storage: Id,
    /// In elements.
    pub offset: usize,
    pub shape: Vec<usize>,
    /// In elements.
    pub strides: Vec<usize>,
}

/// A pickle's values.
pub(super) struct Pickle {
    values: Vec<Value>,
    /// The value that was pickled.
    pub root: Id,
    /// Bytes that it takes.
    pub len: usize,
}

/// Most values of a pickle; a checkpoint has a few thousand.
const MOST_VALUES: usize = 1 << 20;

/// Most references of all sequences and dictionaries together.
const MOST_REFERENCES: usize = 1 << 21;

impl Pickle {
    /// Reads one pickle, of any protocol, at the beginning of `bytes`.
    ///
    /// # Errors
    /// [`Error::WeightFile`] if it is damaged or uses what checkpoints don't.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            references: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run()?;
        Ok(Self { values: machine.values, root, len: machine.at })
    }

    /// All values.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    pub fn value(&self, id: Id) -> &Value {
        self.values.get(id).unwrap_or(&Value::Opaque)
    }

    pub fn text(&self, id: Id) -> Option<&str> {
        match self.value(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a dictionary whose keys are text; the last of equal keys counts.
    pub fn entries(&self, id: Id) -> Option<Vec<(&str, Id)>> {
        let Value::Dictionary(entries) = self.value(id) else { return None };
        let mut places = HashMap::new();
        let mut texts: Vec<(&str, Id)> = Vec::new();
        for &(key, value) in entries {
            let Some(key) = self.text(key) else { continue };
            match places.insert(key, texts.len()) {
                Some(place) => {
                    texts[place].1 = value;
                    places.insert(key, place);
                }
                None => texts.push((key, value)),
            }
        }
        Some(texts)
    }
}

/// What reads a pickle: a stack of values, as the format prescribes.
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    references: usize,
    stack: Vec<Id>,
    /// Where on the stack marks are.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    fn error(&self, reason: impl AsRef<str>) -> Error {
        Error::WeightFile(format!("the pickle at byte {}: {}", self.at, reason.as_ref()))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8]> {
        let bytes = usize::try_from(count).ok().and_then(|count| self.bytes.get(self.at..)?.get(..count));
        let bytes = bytes.ok_or_else(|| self.error("it ends too early"))?;
        self.at += bytes.len();
        Ok(bytes)
    }

    /// A little-endian number of so many bytes, at most 8.
    fn number(&mut self, bytes: u64) -> Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// The text up to the next line feed.
    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let len = memchr::memchr(b'\n', rest).ok_or_else(|| self.error("it ends too early"))?;
        let line = std::str::from_utf8(&rest[..len]).map_err(|_| self.error("a name is not text"));
        self.at += len + 1;
        line
    }

    fn push(&mut self, value: Value) -> Result<()> {
        if self.values.len() >= MOST_VALUES {
            return Err(self.error("it has too many values"));
        }
        self.references += match &value {
            Value::Sequence(items) => items.len(),
            Value::Dictionary(entries) => entries.len(),
            _ => 0,
        };
        self.stack.push(self.values.len());
        self.values.push(value);
        self.check_references()
    }

    fn check_references(&self) -> Result<()> {
        if self.references > MOST_REFERENCES || self.stack.len() > MOST_REFERENCES {
            return Err(self.error("its lists are too long"));
        }
        Ok(())
    }

    /// Nothing is taken from below the last mark.
    fn pop(&mut self) -> Result<Id> {
        let least = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= least {
            return Err(self.error("it takes a value that is not there"));
        }
        self.stack.pop().ok_or_else(|| self.error("it takes a value that is not there"))
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().ok_or_else(|| self.error("it takes a value that is not there"))
    }

    /// The values above the last mark.
    fn pop_to_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| self.error("a mark is missing"))?;
        if mark > self.stack.len() {
            return Err(self.error("a mark is misplaced"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>>>()?;
        items.reverse();
        Ok(items)
    }

    fn text(&mut self, len: u64) -> Result<()> {
        let text = String::from_utf8_lossy(self.take(len)?).into_owned();
        self.push(Value::Text(text))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<()> {
        let list = self.top()?;
        self.references += items.len();
        if let Some(Value::Sequence(list)) = self.values.get_mut(list) {
            list.extend(items);
        }
        self.check_references()
    }

    fn set(&mut self, items: Vec<Id>) -> Result<()> {
        let dictionary = self.top()?;
        self.references += items.len();
        if let Some(Value::Dictionary(entries)) = self.values.get_mut(dictionary) {
            entries.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
        }
        self.check_references()
    }

    fn put(&mut self, place: u64) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn get(&mut self, place: u64) -> Result<()> {
        let id = self.memo.get(&place).copied().ok_or_else(|| self.error("it refers to what is not there"))?;
        self.stack.push(id);
        self.check_references()
    }

    fn run(&mut self) -> Result<Id> {
        loop {
            match self.take(1)?[0] {
                // PROTO, FRAME
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'.' => return self.pop(),
                b'(' => self.marks.push(self.stack.len()),
                b'0' => drop(self.pop()?),
                b'1' => drop(self.pop_to_mark()?),
                b'2' => {
                    let top = self.top()?;
                    self.stack.push(top);
                    self.check_references()?;
                }
                b'N' => self.push(Value::Opaque)?,
                0x88 => self.push(Value::Bool(true))?,
                0x89 => self.push(Value::Bool(false))?,
                // BININT, BININT1, BININT2, LONG1, INT, LONG
                b'J' => {
                    let value = self.number(4)?;
                    #[expect(clippy::cast_possible_truncation, reason = "4 bytes")]
                    self.push(Value::Int((value as u32).cast_signed().into()))?;
                }
                b'K' => self.small_int(1)?,
                b'M' => self.small_int(2)?,
                0x8a => {
                    let len = self.number(1)?;
                    let bytes = self.take(len)?;
                    self.push(long(bytes))?;
                }
                b'I' | b'L' => {
                    let line = self.line()?;
                    let value = line.trim_end_matches('L').parse();
                    self.push(match line {
                        "00" => Value::Bool(false),
                        "01" => Value::Bool(true),
                        _ => value.map_or(Value::Opaque, Value::Int),
                    })?;
                }
                // Real numbers: no weight is one.
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Opaque)?;
                }
                b'F' => {
                    self.line()?;
                    self.push(Value::Opaque)?;
                }
                // Texts: BINUNICODE, SHORT_, 8; BINSTRING, SHORT_; UNICODE, STRING
                b'X' | b'T' => {
                    let len = self.number(4)?;
                    self.text(len)?;
                }
                0x8c | b'U' => {
                    let len = self.number(1)?;
                    self.text(len)?;
                }
                0x8d => {
                    let len = self.number(8)?;
                    self.text(len)?;
                }
                b'V' => {
                    let line = self.line()?;
                    self.push(Value::Text(line.to_owned()))?;
                }
                b'S' => {
                    let line = self.line()?;
                    self.push(Value::Text(line.trim_matches(['\'', '"']).to_owned()))?;
                }
                // Bytes: BINBYTES, SHORT_, 8
                b'B' => self.skip_bytes(4)?,
                b'C' => self.skip_bytes(1)?,
                0x8e => self.skip_bytes(8)?,
                // Containers.
                b')' | b']' | 0x8f => self.push(Value::Sequence(Vec::new()))?,
                b'}' => self.push(Value::Dictionary(Vec::new()))?,
                b't' | b'l' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Sequence(items))?;
                }
                count @ 0x85..=0x87 => {
                    let items = self.pop_many(usize::from(count - 0x84))?;
                    self.push(Value::Sequence(items))?;
                }
                b'd' => {
                    let items = self.pop_to_mark()?;
                    self.push(Value::Dictionary(Vec::new()))?;
                    self.set(items)?;
                }
                b'a' => {
                    let item = self.pop()?;
                    self.append(vec![item])?;
                }
                b'e' | 0x90 => {
                    let items = self.pop_to_mark()?;
                    self.append(items)?;
                }
                b's' => {
                    let items = self.pop_many(2)?;
                    self.set(items)?;
                }
                b'u' => {
                    let items = self.pop_to_mark()?;
                    self.set(items)?;
                }
                // The memo.
                b'q' => {
                    let place = self.number(1)?;
                    self.put(place)?;
                }
                b'r' => {
                    let place = self.number(4)?;
                    self.put(place)?;
                }
                b'p' => {
                    let place = self.line()?.parse().map_err(|_| self.error("a place is no number"))?;
                    self.put(place)?;
                }
                0x94 => self.put(self.memo.len() as u64)?,
                b'h' => {
                    let place = self.number(1)?;
                    self.get(place)?;
                }
                b'j' => {
                    let place = self.number(4)?;
                    self.get(place)?;
                }
                b'g' => {
                    let place = self.line()?.parse().map_err(|_| self.error("a place is no number"))?;
                    self.get(place)?;
                }
                // Names, never looked up.
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Value::Global(format!("{module}.{name}")))?;
                }
                0x93 => {
                    let items = self.pop_many(2)?;
                    let [module, name] = [0, 1].map(|i| match self.values.get(items[i]) {
                        Some(Value::Text(text)) => text.clone(),
                        _ => String::new(),
                    });
                    self.push(Value::Global(format!("{module}.{name}")))?;
                }
                b'Q' => {
                    let id = self.pop()?;
                    self.push(Value::Persistent(id))?;
                }
                // REDUCE, NEWOBJ, NEWOBJ_EX, OBJ, INST: calls. BUILD: a state.
                b'R' | 0x81 => {
                    let items = self.pop_many(2)?;
                    let value = self.constructed(items[0], items[1]);
                    self.push(value)?;
                }
                0x92 => {
                    self.pop_many(3)?;
                    self.push(Value::Opaque)?;
                }
                b'o' => {
                    self.pop_to_mark()?;
                    self.push(Value::Opaque)?;
                }
                b'i' => {
                    self.line()?;
                    self.line()?;
                    self.pop_to_mark()?;
                    self.push(Value::Opaque)?;
                }
                b'b' => drop(self.pop()?),
                code => return Err(self.error(format!("it has code {code:#04x}, which checkpoints don't use"))),
            }
        }
    }

    fn small_int(&mut self, bytes: u64) -> Result<()> {
        let value = self.number(bytes)?;
        self.push(Value::Int(value.cast_signed()))
    }

    fn skip_bytes(&mut self, bytes: u64) -> Result<()> {
        let len = self.number(bytes)?;
        self.take(len)?;
        self.push(Value::Opaque)
    }

    /// What a known constructor gives.
    fn constructed(&self, callee: Id, arguments: Id) -> Value {
        let (Some(Value::Global(name)), Some(Value::Sequence(arguments))) =
            (self.values.get(callee), self.values.get(arguments))
        else {
            return Value::Opaque;
        };
        match (name.as_str(), &arguments[..]) {
            ("collections.OrderedDict", []) => Value::Dictionary(Vec::new()),
            (
                "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor",
                &[storage, offset, shape, strides, ..],
            ) => self.tensor(storage, offset, shape, strides).map_or(Value::Opaque, Value::Tensor),
            ("torch._utils._rebuild_parameter", &[tensor, ..]) => self
                .values
                .get(tensor)
                .cloned()
                .filter(|value| matches!(value, Value::Tensor(_)))
                .unwrap_or(Value::Opaque),
            _ => Value::Opaque,
        }
    }

    fn tensor(&self, storage: Id, offset: Id, shape: Id, strides: Id) -> Option<Tensor> {
        let int = |id: Id| match self.values.get(id)? {
            Value::Int(value) => usize::try_from(*value).ok(),
            _ => None,
        };
        let ints = |id: Id| match self.values.get(id)? {
            Value::Sequence(items) if items.len() <= MOST_DIMENSIONS => items.iter().map(|&item| int(item)).collect(),
            _ => None,
        };
        Some(Tensor { storage, offset: int(offset)?, shape: ints(shape)?, strides: ints(strides)? })
    }
}

/// Most dimensions of a tensor that is looked at.
const MOST_DIMENSIONS: usize = 8;

/// A little-endian number in two's complement.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Opaque;
    }
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    let fill = if negative { u64::MAX } else { 0 };
    Value::Int(bytes.iter().rev().fold(fill, |number, &byte| number << 8 | u64::from(byte)).cast_signed())
}

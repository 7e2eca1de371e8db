//! Instructions that one thread executes, read from the disassembly.

use std::collections::HashMap;

use abpn::gpu::Family;

/// What one run through a kernel executes, by the unit that executes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// What the kernel multiplies with, packed dot products or multiply-adds in f32; vector ALU.
    pub products: usize,
    /// 32-bit multiplications; vector ALU at a quarter of its rate.
    pub slow_multiplications: usize,
    /// All other vector ALU instructions.
    pub other_vector: usize,
    pub scalar_memory: usize,
    pub vector_memory: usize,
}

impl Counts {
    /// Cycles that the vector ALU is busy, in units of a full-rate instruction.
    pub fn vector_slots(&self) -> usize {
        self.products + 4 * self.slow_multiplications + self.other_vector
    }

    fn add(&mut self, kind: Kind, times: usize) {
        match kind {
            Kind::Product => self.products += times,
            Kind::SlowMultiplication => self.slow_multiplications += times,
            Kind::OtherVector => self.other_vector += times,
            Kind::ScalarMemory => self.scalar_memory += times,
            Kind::VectorMemory => self.vector_memory += times,
            Kind::Scalar => {}
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Product,
    SlowMultiplication,
    OtherVector,
    ScalarMemory,
    VectorMemory,
    /// Scalar ALU, branches and waits: they run beside the vector ALU.
    Scalar,
}

fn kind(mnemonic: &str, family: Family) -> Option<Kind> {
    let products: &[&str] = match family {
        Family::Dot4 => &["v_dot4"],
        _ => &["v_fma_", "v_fmac_", "v_fmaak_", "v_fmamk_", "v_mac_f32", "v_mad_f32", "v_mad_mix", "v_dual_fmac"],
    };
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| mnemonic.starts_with(prefix));
    Some(match () {
        () if starts(products) => Kind::Product,
        () if starts(&["v_mul_lo_u32", "v_mul_lo_i32", "v_mul_hi_", "v_mad_u64", "v_mad_i64"]) => {
            Kind::SlowMultiplication
        }
        () if starts(&["v_"]) => Kind::OtherVector,
        () if starts(&["s_load_", "s_buffer_load_"]) => Kind::ScalarMemory,
        () if starts(&["buffer_", "global_", "scratch_", "flat_"]) => Kind::VectorMemory,
        () if starts(&["s_"]) => Kind::Scalar,
        () => return None,
    })
}

/// One line of disassembly: an instruction and its machine words, which follow a semicolon.
struct Instruction<'a> {
    text: &'a str,
    words: Vec<u32>,
}

impl<'a> Instruction<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (text, words) = line.split_once(';')?;
        let words =
            words.split_whitespace().map(|word| u32::from_str_radix(word, 16)).collect::<Result<_, _>>().ok()?;
        Some(Self { text: text.trim(), words })
    }

    /// The label to which it branches.
    fn target(&self) -> Option<&'a str> {
        let (mnemonic, target) = self.text.split_once(' ')?;
        let is_branch = mnemonic == "s_branch" || mnemonic.starts_with("s_cbranch");
        is_branch.then(|| target.trim())
    }
}

/// Counts a kernel of `family` whose one loop, if the compiler left it a loop, makes `trips` trips.
///
/// # Errors
/// What it can't read, rather than a wrong count.
pub fn count(isa: &str, family: Family, trips: usize) -> Result<Counts, String> {
    let lines: Vec<&str> = isa.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let looped = loop_lines(&lines)?;
    let mut counts = Counts::default();
    // Words of an instruction whose first word the disassembler did not know: it takes the rest for instructions.
    let mut unread_words = 0;
    for (index, line) in lines.iter().enumerate() {
        if line.ends_with(':') {
            continue;
        }
        let fail = || format!("line {} of the ISA: can't read {line:?}", index + 1);
        let instruction = Instruction::read(line).ok_or_else(fail)?;
        let times = if looped.contains(&index) { trips } else { 1 };
        let is_misread = unread_words > 0 || instruction.text == "(invalid instruction)";
        if is_misread {
            let unknown = instruction.words.get(unread_words..).ok_or_else(fail)?;
            let (kind, length) = match unknown {
                [] => (Kind::Scalar, 0),
                // LLVM does not know scalar loads to s[104:107], the last two of which are vcc.
                [first, ..] if first >> 26 == 0b11_1101 => (Kind::ScalarMemory, 2),
                [word] if word >> 30 == 0b10 => (Kind::Scalar, 1),
                _ => return Err(fail()),
            };
            counts.add(kind, times);
            unread_words = length - unknown.len();
        } else {
            let mnemonic = instruction.text.split(' ').next().unwrap_or_default();
            counts.add(kind(mnemonic, family).ok_or_else(fail)?, times);
        }
    }
    Ok(counts)
}

/// The lines from the head of the only loop to its branch back.
fn loop_lines(lines: &[&str]) -> Result<std::ops::Range<usize>, String> {
    let labels: HashMap<&str, usize> =
        lines.iter().enumerate().filter_map(|(index, line)| Some((line.strip_suffix(':')?, index))).collect();
    let mut loops = lines.iter().enumerate().filter_map(|(index, line)| {
        let start = *labels.get(Instruction::read(line)?.target()?)?;
        (start <= index).then_some(start..index + 1)
    });
    match (loops.next(), loops.next()) {
        (None, _) => Ok(0..0),
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) => Err("the ISA has more than one loop, and only the trips of one are known".to_owned()),
    }
}

/// Counts short snippets, known by hand: this program has no other tests.
///
/// # Panics
/// If a count is wrong.
pub fn self_test() {
    let snippet = "
        BB0:
            s_load_dwordx4 s[8:11], s[2:3], null     ; f4080201 fa000000
            v_mul_lo_u32 v1, v1, s6                  ; d5690001 00000d01
            s_cbranch_execz BB3                      ; bf880004
        BB1:
            buffer_load_dword v62, v59, s[20:23], 0  ; e0301000 80053e3b
            v_dot4c_i32_i8_e32 v20, s101, v3         ; 1a280665
            v_dot4_i32_iu8 v20, s101, v3, v20        ; cc164014 1c520665
        (invalid instruction)                        ; f4281a04
            exp param18 off, off, off, off           ; fa000320 bf8cc07f
            v_mad_u32_u24 v1, v2, v3, v4             ; d5430001 04120702
            s_branch BB1                             ; bf82fcc9
        BB3:
            s_endpgm                                 ; bf810000
    ";
    let once = Counts { products: 2, slow_multiplications: 1, other_vector: 1, scalar_memory: 2, vector_memory: 1 };
    assert_eq!(count(snippet, Family::Dot4, 1), Ok(once));
    let seven_times =
        Counts { products: 14, slow_multiplications: 1, other_vector: 7, scalar_memory: 8, vector_memory: 7 };
    assert_eq!(count(snippet, Family::Dot4, 7), Ok(seven_times));
    let unrolled = snippet.replace("s_branch BB1", "s_branch BB3");
    assert_eq!(count(&unrolled, Family::Dot4, 7), Ok(once));
    assert_eq!(once.vector_slots(), 7);
    let in_f32 = snippet.replace("v_dot4c_i32_i8_e32", "v_fmac_f32_e32").replace("v_dot4_i32_iu8", "v_fma_mix_f32");
    assert_eq!(count(&in_f32, Family::Fma, 1), Ok(once));
    for unreadable in [
        snippet.replace("s_cbranch_execz BB3", "s_cbranch_execz BB0"),
        snippet.replace("v_mad_u32_u24", "w_mad_u32_u24"),
        snippet.replace("fa000320 bf8cc07f", "fa000320 1a280665"),
        snippet.replace("d5690001 ", "d56900g1 "),
    ] {
        assert!(count(&unreadable, Family::Dot4, 7).is_err(), "{unreadable}");
    }
}

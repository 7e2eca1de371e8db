//! What the files of the instruction sets share: each use of `unsafe` with its proof, and the members of [`Lanes`] that
//! differ in an intrinsic alone.
//!
//! These macros stand in an `impl Lanes for` (or `Tiles for`) a type of which a value proves that the machine has the
//! instructions. [`Lanes`] asks that of every type.
//!
//! [`Lanes`]: super::lanes::Lanes

/// An expression that is safe wherever the instructions are there: intrinsics that touch registers alone, functions compiled
/// for the instruction set. `$proof` is a value of the type that is implemented.
macro_rules! proven {
    ($proof:expr, $work:expr) => {{
        let _: Self = $proof;
        #[expect(unsafe_code, reason = "the instructions have to be there")]
        #[allow(unused_unsafe, reason = "WebAssembly's are safe: a module with missing ones isn't loaded")]
        // SAFETY: a value of `Self` proves it.
        unsafe {
            $work
        }
    }};
}

/// `Lanes::load_acc` and `Lanes::store`: `$load` and `$store` move a vector from and to any address.
macro_rules! memory {
    ($load:path, $store:path) => {
        #[inline(always)]
        fn load_acc(self, from: &[i32]) -> Self::Acc {
            const { assert!(size_of::<Self::Acc>() == Self::LANES * size_of::<i32>()) };
            let from: &[i32] = &from[..Self::LANES];
            #[expect(unsafe_code, reason = "the instructions have to be there, and a vector to read")]
            // SAFETY: `self` proves the one, the slice's length the other.
            unsafe {
                $load(from.as_ptr().cast())
            }
        }

        #[inline(always)]
        fn store(self, acc: Self::Acc, to: &mut [i32]) {
            let to: &mut [i32] = &mut to[..Self::LANES];
            #[expect(unsafe_code, reason = "the instructions have to be there, and room for a vector")]
            // SAFETY: `self` proves the one, the slice's length the other; the vector is as long, as `load_acc` asserts.
            unsafe {
                $store(to.as_mut_ptr().cast(), acc);
            }
        }
    };
}

/// `Lanes::acc`, an intrinsic that fills all lanes.
macro_rules! acc {
    ($splat:path) => {
        #[inline(always)]
        fn acc(self, bias: i32) -> Self::Acc {
            proven!(self, $splat(bias))
        }
    };
}

/// `Lanes::load` and `Lanes::weights` where words are multiplied as they are.
#[cfg(not(target_arch = "aarch64"))]
macro_rules! plain_words {
    () => {
        #[inline(always)]
        fn load(self, words: &[u32]) -> Self::Codes {
            self.load_acc(bytemuck::cast_slice(words))
        }

        #[inline(always)]
        fn weights(self, word: u32) -> Self::Weights {
            self.acc(word.cast_signed())
        }
    };
}

/// `Lanes::start` and `Lanes::add_sums` where sums are exact, so of the accumulators' kind; `$add` adds them.
macro_rules! exact_sums {
    ($add:path) => {
        #[inline(always)]
        fn start(self, _: [i16; 4]) -> Self::Sums {
            self.acc(0)
        }

        #[inline(always)]
        fn add_sums(self, acc: Self::Acc, sums: Self::Sums) -> Self::Acc {
            proven!(self, $add(acc, sums))
        }
    };
}

#[cfg(not(target_arch = "aarch64"))]
pub(super) use plain_words;
pub(super) use {acc, exact_sums, memory, proven};

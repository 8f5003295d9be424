//! Arithmetic in GF(2)\[x\] modulo the polynomial of CRC-64/NVME, reflected: bit 63 is the
//! coefficient of 1 and bit 0 that of x^63.

/// The reflected polynomial of CRC-64/NVME (F-102).
pub(crate) const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;
/// The polynomial 1.
const ONE: u64 = 1 << 63;

/// The product of two polynomials.
pub(crate) const fn multiply(a: u64, b: u64) -> u64 {
    let (mut product, mut shifted) = (0, b);
    let mut bit = 64;
    while bit > 0 {
        bit -= 1;
        if a >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = times_x(shifted);
    }
    product
}

/// The polynomial times x.
pub(crate) const fn times_x(polynomial: u64) -> u64 {
    polynomial >> 1 ^ if polynomial & 1 == 1 { POLYNOMIAL } else { 0 }
}

/// `x^n`.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
pub(crate) const fn power_of_x(n: u64) -> u64 {
    power(ONE >> 1, n)
}

/// `x^(8n)`: what appending `n` zero bytes multiplies a register by.
pub(crate) const fn power_of_x8(n: u64) -> u64 {
    power(ONE >> 8, n)
}

/// `base^n` by squaring.
const fn power(base: u64, n: u64) -> u64 {
    let mut power = ONE;
    let mut square = base;
    let mut left = n;
    while left != 0 {
        if left & 1 == 1 {
            power = multiply(power, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    power
}

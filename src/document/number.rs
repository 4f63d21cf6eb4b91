//! Numbers as decimal text: how PostgreSQL's `numeric` reads and prints them.

/// Most digits before the decimal point: `numeric` keeps base-10000 digits with a 16-bit weight.
const MAX_INTEGER_DIGITS: usize = 131_072;
/// Most digits after the decimal point: `numeric` keeps the scale in 14 bits.
const MAX_SCALE: usize = 16_383;
/// From here on `numeric` refuses the exponent itself, even of zero.
const MAX_EXPONENT: i64 = (i32::MAX / 2) as i64;

/// A number outside PostgreSQL's `numeric`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutOfRange;

/// A JSON number with its exponent applied, ready to be measured and printed.
///
/// Nothing is allocated: `1e131071` costs its eight bytes until it is written.
pub(super) struct Expansion<'t> {
    negative: bool,
    /// The written digits before the point, then those after it; both empty for zero.
    whole: &'t str,
    fraction: &'t str,
    /// Where the point stands among those digits once the exponent is applied. Outside them when
    /// zeros come between.
    point: i64,
    /// Digits printed before the point, without leading zeros.
    integer_digits: usize,
    /// Digits printed after the point.
    scale: usize,
}

impl<'t> Expansion<'t> {
    /// Reads a number that follows JSON's grammar.
    pub(super) fn of(number: &'t str) -> Result<Self, OutOfRange> {
        let unsigned = number.trim_start_matches('-');
        let (significand, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((significand, exponent)) => (significand, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
        let scale = usize::try_from(fraction.len() as i64 - exponent).unwrap_or(0);
        let leading_zeros = whole
            .bytes()
            .chain(fraction.bytes())
            .take_while(|digit| *digit == b'0');
        let leading_zeros = leading_zeros.count();
        let point = whole.len() as i64 + exponent;
        let expansion = if leading_zeros == whole.len() + fraction.len() {
            Self::zero(scale)
        } else {
            Self {
                negative: unsigned.len() < number.len(),
                whole,
                fraction,
                point,
                integer_digits: usize::try_from(point - leading_zeros as i64).unwrap_or(0),
                scale,
            }
        };
        if scale > MAX_SCALE || expansion.integer_digits > MAX_INTEGER_DIGITS {
            return Err(OutOfRange);
        }
        Ok(expansion)
    }

    /// Zero keeps its digits after the point and loses its sign.
    fn zero(scale: usize) -> Self {
        Self {
            negative: false,
            whole: "",
            fraction: "",
            point: 0,
            integer_digits: 0,
            scale,
        }
    }

    /// Bytes that [`Expansion::write`] appends.
    pub(super) fn len(&self) -> usize {
        let point = usize::from(self.scale > 0);
        usize::from(self.negative) + self.integer_digits.max(1) + point + self.scale
    }

    /// Appends the number as `numeric` prints it.
    pub(super) fn write(&self, out: &mut String) {
        if self.negative {
            out.push('-');
        }
        if self.integer_digits == 0 {
            out.push('0');
        } else {
            let from = self.point - self.integer_digits as i64;
            self.write_digits(out, from, self.integer_digits);
        }
        if self.scale > 0 {
            out.push('.');
            self.write_digits(out, self.point, self.scale);
        }
    }

    /// Appends `count` digits from position `from` of the written ones; beyond them stand zeros.
    fn write_digits(&self, out: &mut String, from: i64, count: usize) {
        let length = self.whole.len() + self.fraction.len();
        let before = usize::try_from(-from).unwrap_or(0).min(count);
        let start = usize::try_from(from).unwrap_or(0).min(length);
        let end = (start + count - before).min(length);
        push_zeros(out, before);
        let split = self.whole.len();
        out.push_str(&self.whole[start.min(split)..end.min(split)]);
        out.push_str(&self.fraction[start.max(split) - split..end.max(split) - split]);
        push_zeros(out, count - before - (end - start));
    }
}

/// True when the number is printed as it is written, as nearly all are.
pub(super) fn is_plain(number: &str) -> bool {
    // Up to here no limit of `numeric` can be reached.
    const SHORT: usize = 1_000;
    let bytes = number.as_bytes();
    bytes.len() <= SHORT
        && !bytes.starts_with(b"-0")
        && !bytes.iter().any(|byte| matches!(byte, b'e' | b'E'))
}

/// The shortest text of a canonical number's value: equal exactly for equal numbers.
pub(super) fn value(canonical: &str) -> &str {
    if canonical.contains('.') {
        canonical.trim_end_matches('0').trim_end_matches('.')
    } else {
        canonical
    }
}

fn parse_exponent(text: &str) -> Result<i64, OutOfRange> {
    match text.parse::<i64>() {
        Ok(exponent) if exponent.abs() < MAX_EXPONENT => Ok(exponent),
        _ => Err(OutOfRange),
    }
}

fn push_zeros(out: &mut String, count: usize) {
    out.extend(std::iter::repeat_n('0', count));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(number: &str) -> String {
        let expansion = Expansion::of(number).unwrap();
        let mut out = String::new();
        expansion.write(&mut out);
        assert_eq!(out.len(), expansion.len(), "{number}");
        out
    }

    #[test]
    fn expands_like_numeric() {
        for (number, printed) in [
            ("1e2", "100"),
            ("1E-2", "0.01"),
            ("1.50e1", "15.0"),
            ("1.0", "1.0"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("0e5", "0"),
            ("0e-5", "0.00000"),
            ("-0e-5", "0.00000"),
            ("0.10e-3", "0.00010"),
            ("123e-2", "1.23"),
            ("-123.45e+1", "-1234.5"),
            ("-123.45E5", "-12345000"),
            ("0.001e5", "100"),
            ("0.00e1", "0.0"),
            ("100e-2", "1.00"),
            ("0.0012e2", "0.12"),
            ("-0.5", "-0.5"),
            ("0e1073741822", "0"),
        ] {
            assert_eq!(expand(number), printed, "{number}");
        }
        assert_eq!(expand("1e400"), format!("1{}", "0".repeat(400)));
        assert_eq!(expand("1e-400"), format!("0.{}1", "0".repeat(399)));
    }

    #[test]
    fn the_edge_of_numeric() {
        let inside = [
            "1e131071",
            "0.1e131072",
            "1e-16383",
            "0e-16383",
            "9.9e131071",
        ];
        for number in inside {
            assert!(Expansion::of(number).is_ok(), "{number}");
        }
        let outside = [
            "1e131072",
            "10e131071",
            "1e-16384",
            "0e-16384",
            "0e1073741823",
            "1e99999999999999999999",
            "1e-99999999999999999999",
        ];
        for number in outside {
            assert!(Expansion::of(number).is_err(), "{number}");
        }
        assert!(Expansion::of(&format!("1.{}", "0".repeat(16_384))).is_err());
        assert!(Expansion::of(&format!("1.{}e1", "0".repeat(16_384))).is_ok());
    }

    #[test]
    fn equal_values_have_one_text() {
        assert_eq!(value("1.00"), value("1"));
        assert_eq!(value("0.00000"), "0");
        assert_eq!(value("100"), "100");
        assert_eq!(value("10.10"), "10.1");
        assert_ne!(value("-1.5"), value("1.5"));
    }
}

//! A bound on the work of one validation.
//!
//! A schema of a few lines can ask for work that grows with the square of the document, or
//! exponentially with its depth. The validator cannot be interrupted, so the document it reads
//! takes part: every look at a value is charged to a [`Meter`], and once the meter is spent the
//! document looks empty. The validator then runs out of things to do by itself, and its verdict is
//! thrown away.
//!
//! What the document cannot see (schemas applied to one value without looking at it) is bounded by
//! [`super::graph`] when the schema is compiled.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Bytes of stack one validation may use. Threads have 2 MiB; what the document cannot see of the
/// recursion comes on top of this.
const MAX_STACK: usize = 768 * 1024;

/// Steps between two looks at the clock.
const STEPS_PER_LOOK: u64 = 1024;

/// What one validation has left.
pub(super) struct Meter {
    steps: Cell<u64>,
    next_look: Cell<u64>,
    deadline: Deadline,
    /// Address of a local variable of the caller.
    stack_base: usize,
    tariff: Tariff,
}

/// What a schema makes of the looks at a document, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tariff {
    /// For one more value: all subschemas that may be applied to it unseen.
    pub(super) per_value: u64,
    /// For a byte of long text that a regular expression may be run on.
    pub(super) per_byte: u64,
    /// How many regular expressions a name may be run through.
    pub(super) patterns: u64,
}

/// Text up to here is cheap enough for the clock alone to bound, whatever the expression.
const LONG_TEXT: usize = 1024;

impl Tariff {
    /// One run of an expression over `text`.
    pub(super) fn text(&self, text: &str) -> u64 {
        let length = text.len() as u64;
        if text.len() > LONG_TEXT {
            length * self.per_byte
        } else {
            1 + length / 8
        }
    }

    /// A member called `name`, met on the way.
    pub(super) fn member(&self, name: &str) -> u64 {
        let runs = if name.len() > LONG_TEXT {
            self.patterns
        } else {
            1
        };
        self.per_value + self.text(name) * runs.max(self.per_value)
    }

    /// One calculation with a number of so many digits: exact arithmetic grows with their square,
    /// up to the size from where the validator goes digit by digit.
    pub(super) fn number(&self, digits: usize) -> u64 {
        let length = digits as u64;
        if digits <= 10_000 {
            1 + length * length / 4096
        } else {
            length
        }
    }
}

/// The moment after which no validation of this document goes on.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(super) fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}

impl Meter {
    /// A meter for `steps` looks at the document, each of them some tens of nanoseconds.
    pub(super) fn new(steps: u64, tariff: Tariff, deadline: Deadline) -> Self {
        Self {
            steps: Cell::new(steps),
            next_look: Cell::new(steps),
            deadline,
            stack_base: stack_address(),
            tariff,
        }
    }

    /// Takes `steps`; false once the meter is spent.
    pub(super) fn charge(&self, steps: u64) -> bool {
        let left = self.steps.get().saturating_sub(steps);
        self.steps.set(left);
        if left == 0 || self.stack_base.abs_diff(stack_address()) > MAX_STACK {
            self.steps.set(0);
            return false;
        }
        left > self.next_look.get() || self.look_at_the_clock(left)
    }

    pub(super) fn tariff(&self) -> &Tariff {
        &self.tariff
    }

    /// True when the verdict means nothing any more.
    pub(super) fn is_spent(&self) -> bool {
        self.steps.get() == 0
    }

    #[cold]
    fn look_at_the_clock(&self, left: u64) -> bool {
        self.next_look.set(left.saturating_sub(STEPS_PER_LOOK));
        let in_time = !self.deadline.has_passed();
        if !in_time {
            self.steps.set(0);
        }
        in_time
    }
}

/// Roughly where the stack ends now. The validator recurses along references, which no limit on
/// the depth of the document alone can bound well.
#[inline(never)]
fn stack_address() -> usize {
    let here = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&here)).addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARIFF: Tariff = Tariff {
        per_value: 1,
        per_byte: 1,
        patterns: 0,
    };

    #[test]
    fn steps_run_out() {
        let meter = Meter::new(10, TARIFF, Deadline::after(Duration::from_secs(60)));
        assert!(meter.charge(9));
        assert!(!meter.is_spent());
        assert!(!meter.charge(1));
        assert!(meter.is_spent());
        assert!(!meter.charge(0));
    }

    #[test]
    fn time_runs_out() {
        let meter = Meter::new(1_000_000, TARIFF, Deadline::after(Duration::ZERO));
        assert!(!(0..2 * STEPS_PER_LOOK).all(|_| meter.charge(1)));
        assert!(meter.is_spent());
    }

    #[test]
    fn stack_runs_out() {
        fn recurse(meter: &Meter) -> usize {
            let frame = std::hint::black_box([0_u8; 4096]);
            if meter.charge(1) {
                1 + recurse(meter) + usize::from(frame[0])
            } else {
                0
            }
        }
        let meter = Meter::new(1_000_000, TARIFF, Deadline::after(Duration::from_secs(60)));
        assert!(recurse(&meter) < MAX_STACK / 4096 + 2);
        assert!(meter.is_spent());
    }
}

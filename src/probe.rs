//! Whether something that the server stands on answers, and how soon.

use std::fmt::Display;
use std::time::{Duration, Instant};

use tokio::time::timeout;

/// How long an answer may take: who asks for health is impatient.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// It is not configured.
    Off,
    /// It answered after this time.
    Ok(Duration),
    /// It did not answer, or with a failure.
    Failed,
}

impl Probe {
    /// Waits for the answer of `what`, for two seconds at most.
    pub async fn of<E: Display>(
        what: &'static str,
        answer: impl Future<Output = Result<(), E>>,
    ) -> Self {
        let start = Instant::now();
        let cause = match timeout(PATIENCE, answer).await {
            Ok(Ok(())) => return Self::Ok(start.elapsed()),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        tracing::warn!(what, cause, "not well");
        Self::Failed
    }

    /// Whether it answered.
    #[must_use]
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Ok(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_is_no_answer() {
        let failed = Probe::of("a", async { Err("away") }).await;
        assert_eq!(failed, Probe::Failed);
        let well = Probe::of("a", async { Ok::<_, String>(()) }).await;
        assert!(well.is_ok());
    }
}

//! What a kind of job is.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::document::Document;
use crate::error::Error;
use crate::store::{Holding, JobRow};

/// A kind of job.
pub trait Job: Send + Sync {
    /// Its name in the table.
    fn kind(&self) -> &'static str;

    /// How often it is to be done, once however many workers there are; `None` for what is asked
    /// for.
    fn every(&self) -> Option<Duration> {
        None
    }

    /// Does the work, which may have been begun by another worker, and says what it came to. It may
    /// be given up at any await.
    fn run<'a>(&'a self, work: &'a Work) -> BoxFuture<'a, Result<Document, Failure>>;
}

/// A job that is to be done, by whoever holds it.
#[derive(Clone, Debug)]
pub struct Work {
    /// The job as it was when it was claimed.
    pub row: JobRow,
    /// The right to do it.
    pub held: Holding,
}

/// Why a job was not done.
#[derive(Debug)]
pub enum Failure {
    /// It may be done later.
    Passing(Error),
    /// It will never be done.
    Final(Error),
    /// Somebody else has it by now.
    Lost,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(_) | Error::Internal(_) => Self::Passing(error),
            other => Self::Final(other),
        }
    }
}

//! Conditional requests as values: what has changed since, and changes that overwrite nobody's.

use reqwest::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::types::{Object, Problem, ProblemCode, ReplaceObjectRequest};
use crate::{Client, Error};

/// How often [`Client::update_object`] tries again after losing a race.
const ATTEMPTS: usize = 64;

/// The answer to a question for anything newer.
#[derive(Clone, Debug)]
pub enum Fetched<T> {
    /// There is a newer one.
    Changed(T),
    /// The caller's copy is current (304).
    Unchanged,
}

/// The outcome of a change that was to happen only to a known version.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It happened.
    Done(T),
    /// Nothing happened: somebody else changed it first (412). The current version, if it is known.
    Conflict(Option<i64>),
}

/// Makes a refused precondition a value.
pub trait ConflictExt<T> {
    /// `Ok(Outcome::Conflict)` for a 412; every other failure stays one.
    ///
    /// # Errors
    /// Every other failure.
    fn or_conflict(self) -> Result<Outcome<T>, Error<Problem>>;
}

impl<T> ConflictExt<T> for Result<crate::ResponseValue<T>, Error<Problem>> {
    fn or_conflict(self) -> Result<Outcome<T>, Error<Problem>> {
        match self {
            Ok(response) => Ok(Outcome::Done(response.into_inner())),
            Err(error) => conflict(error).map(Outcome::Conflict),
        }
    }
}

/// The current version that a 412 tells, if it does; every other failure stays one.
pub(crate) fn conflict(error: Error<Problem>) -> Result<Option<i64>, Error<Problem>> {
    match error {
        Error::ErrorResponse(problem) if problem.code == ProblemCode::PreconditionFailed => {
            Ok(problem.current_version)
        }
        error => Err(error),
    }
}

impl Client {
    /// The object, if its version is no longer `known`.
    ///
    /// # Errors
    /// As `get_object`.
    pub async fn get_object_if_changed(
        &self,
        id: Uuid,
        known: i64,
    ) -> Result<Fetched<Object>, Error<Problem>> {
        let sent = self
            .get_object()
            .id(id)
            .if_none_match(format!("\"{known}\""))
            .send()
            .await;
        match sent {
            Ok(response) => Ok(Fetched::Changed(response.into_inner())),
            Err(Error::UnexpectedResponse(response))
                if response.status() == StatusCode::NOT_MODIFIED =>
            {
                Ok(Fetched::Unchanged)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the object, lets `change` alter its document, and writes it back only if nobody else
    /// has changed it meanwhile; otherwise does it all again.
    ///
    /// # Errors
    /// As `get_object` and `replace_object`; the last conflict after losing 64 races.
    pub async fn update_object(
        &self,
        id: Uuid,
        mut change: impl FnMut(&mut Map<String, Value>),
    ) -> Result<Object, Error<Problem>> {
        let mut attempt = 1;
        loop {
            let mut current = self.get_object().id(id).send().await?.into_inner();
            change(&mut current.body);
            let request = ReplaceObjectRequest {
                body: Some(current.body),
                body_json: None,
                if_match: Some(current.version.to_string()),
            };
            match self.replace_object().id(id).body(request).send().await {
                Err(Error::ErrorResponse(problem))
                    if problem.code == ProblemCode::PreconditionFailed && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => return outcome.map(crate::ResponseValue::into_inner),
            }
        }
    }
}

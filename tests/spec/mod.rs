//! What the document says of itself, of the service and of these tests.

mod authorization;
mod containers;
mod coverage;
mod drift;
mod requests;
mod seed;
mod served;

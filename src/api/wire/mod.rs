//! What the generated code stands on: extractors, request bodies, raw JSON and replies.
//!
//! poem-openapi's own extractors bind path parameters by order, drop header values that are not
//! ASCII, take the first of repeated query parameters and ignore unknown ones. These do none of
//! that, keep absent apart from default, and report every fault of a request at once.

mod body;
pub mod check;
mod choice;
mod faults;
mod lines;
mod multipart;
mod object_or_array;
mod objects_only;
mod operation;
mod pace;
mod parameter;
mod raw_json;
mod rejection;
mod reply;
mod stream;
mod unclaimed;

pub use body::{BodyLimit, JsonBody, MergePatchBody};
pub use check::{Pointer, Validate, compiled};
pub use choice::{JsonOrForm, JsonOrFormBody};
pub use faults::Faults;
pub use lines::{JsonOrLines, JsonOrLinesBody};
pub use multipart::{Form, FormBody, FormFields, FormFile, FormRest, form_text};
pub use object_or_array::ObjectOrArray;
pub use objects_only::ObjectsOnly;
pub use operation::Operation;
pub use pace::Pace;
pub use parameter::{FromText, Header, Parameter, Path, Query, QueryNames, UnknownValue};
pub use raw_json::{RawJson, literal, present};
pub use rejection::Rejection;
pub use reply::Reply;
pub use stream::{ByteStream, BytesBody, Download, IncomingBytes};

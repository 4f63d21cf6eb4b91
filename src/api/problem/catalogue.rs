//! Every kind of problem: the contract lists the codes, this says what they mean.

use poem::http::StatusCode;

use crate::api::generated::types::ProblemCode;

/// What is the same for every problem of a kind.
pub struct Entry {
    /// The HTTP status.
    pub status: StatusCode,
    /// The kind in a few words.
    pub title: &'static str,
    /// What it means and what to do, for the page that `type` links to.
    pub explanation: &'static str,
}

impl Entry {
    /// `error.type` as OpenAI's services use it for this status.
    #[must_use]
    pub fn openai_type(&self) -> &'static str {
        match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }
}

/// The entry of `code`. A code that the contract adds does not compile until it has one.
#[must_use]
pub const fn entry(code: ProblemCode) -> Entry {
    use ProblemCode as Code;
    let (status, title, explanation) = match code {
        Code::InvalidRequest => (
            StatusCode::BAD_REQUEST,
            "Invalid request",
            "A parameter or a member of the body is missing, unknown, or outside what the contract \
             allows. `errors` names each place: a JSON Pointer into the body, or a parameter's name.",
        ),
        Code::MalformedJson => (
            StatusCode::BAD_REQUEST,
            "Malformed JSON",
            "The request's body, or a text that should hold JSON such as `body_json` or `filter`, is \
             not JSON (RFC 8259), is not UTF-8, or stopped half-way.",
        ),
        Code::InvalidDocument => (
            StatusCode::BAD_REQUEST,
            "Invalid document",
            "The document is JSON, but it cannot be kept faithfully: it nests too deeply, has \\u0000 \
             or half a surrogate pair in a string, or a number with more than 131,072 digits before \
             or 16,383 after the point.",
        ),
        Code::InvalidCursor => (
            StatusCode::BAD_REQUEST,
            "Invalid cursor",
            "The cursor is malformed or changed, or it was made for another list, order or filter. \
             Send a `next_cursor` exactly as it came, with the same filters or with none.",
        ),
        Code::MalformedForm => (
            StatusCode::BAD_REQUEST,
            "Malformed form",
            "The body is `multipart/form-data`, but not as RFC 7578 has it: there is no boundary, or \
             the headers of a part are missing, too long, or cannot be read.",
        ),
        Code::IncompleteBody => (
            StatusCode::BAD_REQUEST,
            "Incomplete body",
            "The connection ended, or a form stopped, before the last byte that it announced. \
             Nothing was kept.",
        ),
        Code::FileTooLarge => (
            StatusCode::BAD_REQUEST,
            "File too large",
            "The file, or the part of an upload, is larger than is allowed here. Larger files come \
             as an upload in parts.",
        ),
        Code::Unauthorized => (
            StatusCode::UNAUTHORIZED,
            "Unauthorized",
            "The request has no API key, or one that is mistyped, unknown, revoked or expired. Send \
             it as `Authorization: Bearer gos_…`.",
        ),
        Code::Forbidden => (
            StatusCode::FORBIDDEN,
            "Forbidden",
            "The key is valid but may not do this: it lacks a scope, or it belongs to another GPT \
             than the one in the path.",
        ),
        Code::QuotaExceeded => (
            StatusCode::FORBIDDEN,
            "Quota exceeded",
            "The GPT has as many files, or as many bytes in files and open uploads, as it may have. \
             Delete files that are not needed any more, or ask the operator for more room.",
        ),
        Code::HttpsRequired => (
            StatusCode::FORBIDDEN,
            "HTTPS required",
            "The request came over plain HTTP, where others can read it, and this service answers over \
             HTTPS alone. Send it to the service's `https://` address, and replace a key that it had.",
        ),
        Code::NotFound => (
            StatusCode::NOT_FOUND,
            "Not found",
            "The service has nothing at this path. The contract lists the paths that it has.",
        ),
        Code::ObjectNotFound => (
            StatusCode::NOT_FOUND,
            "Object not found",
            "There is no object with this id for this key: it was deleted, or never was.",
        ),
        Code::CollectionNotFound => (
            StatusCode::NOT_FOUND,
            "Collection not found",
            "There is no collection with this name for this key. Objects are created in collections \
             that exist: create it first.",
        ),
        Code::FileNotFound => (
            StatusCode::NOT_FOUND,
            "File not found",
            "There is no file with this id: it was deleted, has expired, or never was.",
        ),
        Code::UploadNotFound => (
            StatusCode::NOT_FOUND,
            "Upload not found",
            "There is no upload with this id: it never was, or ended long ago.",
        ),
        Code::GptNotFound => (
            StatusCode::NOT_FOUND,
            "GPT not found",
            "There is no GPT with this id: it was deleted, or never was.",
        ),
        Code::KeyNotFound => (
            StatusCode::NOT_FOUND,
            "Key not found",
            "There is no API key with this public id. It starts with `key_`; a key itself, which starts \
             with `gos_`, never stands in a path.",
        ),
        Code::ApplicationNotFound => (
            StatusCode::NOT_FOUND,
            "Application not found",
            "There is no OAuth application with this client id: it went with its GPT, or never was.",
        ),
        Code::WebhookNotFound => (
            StatusCode::NOT_FOUND,
            "Webhook not found",
            "The GPT's changes are forwarded nowhere: it has no webhook.",
        ),
        Code::SessionNotFound => (
            StatusCode::NOT_FOUND,
            "Session not found",
            "There is no session with this id: it ended long ago, went with its application or GPT, or \
             never was.",
        ),
        Code::JobNotFound => (
            StatusCode::NOT_FOUND,
            "Job not found",
            "There is no import or export with this id: it ended long ago, belongs to another GPT, or \
             never was.",
        ),
        Code::MethodNotAllowed => (
            StatusCode::METHOD_NOT_ALLOWED,
            "Method not allowed",
            "The path exists, but not with this method. The `Allow` header lists the methods it has.",
        ),
        Code::RequestTimeout => (
            StatusCode::REQUEST_TIMEOUT,
            "Request timeout",
            "The request did not arrive whole, or could not be answered, within its time. A write \
             may or may not have happened: repeat it with the same idempotency key or `if_match`.",
        ),
        Code::IdempotencyInProgress => (
            StatusCode::CONFLICT,
            "Idempotency key in use",
            "A request with the same idempotency key has not finished yet. Wait and repeat it: it \
             will then be answered with the first one's answer.",
        ),
        Code::UploadClosed => (
            StatusCode::CONFLICT,
            "Upload closed",
            "The upload was completed or cancelled, or its time is over, so that nothing can be done \
             with it any more. Trying again does not help: begin another upload.",
        ),
        Code::AlreadyExists => (
            StatusCode::CONFLICT,
            "Already exists",
            "What should be made has a name that is taken. What has it was left as it is.",
        ),
        Code::PreconditionFailed => (
            StatusCode::PRECONDITION_FAILED,
            "Precondition failed",
            "`If-Match` or `if_match` names another version than the current one, so somebody changed \
             the resource since it was read. `current_version` is the version that is there now.",
        ),
        Code::PreconditionRequired => (
            StatusCode::PRECONDITION_REQUIRED,
            "Precondition required",
            "The operation changes only what its caller has seen, so it needs the version that it \
             changes. Read the resource, send its entity tag as `If-Match` or its version as \
             `if_match`, and send `\"0\"` to create what does not exist (RFC 6585, 3).",
        ),
        Code::PayloadTooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "Payload too large",
            "The request's body or the document is larger than the limits at `/v1/limits` allow.",
        ),
        Code::UriTooLong => (
            StatusCode::URI_TOO_LONG,
            "URI too long",
            "The path and query are longer than the service reads.",
        ),
        Code::UnsupportedMediaType => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            "The body's `Content-Type` is not one that the operation reads. Most read `application/json`; \
             the answer's `detail` says which ones this one does.",
        ),
        Code::RangeNotSatisfiable => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            "Range not satisfiable",
            "The range begins behind the end of the file. The `Content-Range` header of the answer \
             says how long the file is.",
        ),
        Code::SchemaViolation => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Schema violation",
            "The document does not satisfy the JSON Schema of its collection. `errors` names each \
             place in the document and what the schema wants there.",
        ),
        Code::InvalidSchema => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid schema",
            "The JSON Schema is not valid (draft 2020-12), refers to something outside itself, or \
             could take too long to check.",
        ),
        Code::IdempotencyKeyReused => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency key reused",
            "The idempotency key was used for a different request within the last 24 hours.",
        ),
        Code::TooManyRequests => (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests",
            "The key, or the address, has sent more requests than its rate limit allows: `rate_limit` \
             names the limit. Wait `retry_after` seconds. `/v1/limits` states the limits of a key, and \
             the headers `RateLimit` and `RateLimit-Policy` of every answer how much is left.",
        ),
        Code::InternalError => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal error",
            "A fault of the service. Report it with the `request_id`.",
        ),
        Code::Unavailable => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Unavailable",
            "Something that the service needs, such as its database, cannot be reached. Wait \
             `retry_after` seconds and try again; what was acknowledged is safe.",
        ),
    };
    Entry {
        status,
        title,
        explanation,
    }
}

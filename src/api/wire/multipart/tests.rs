//! Forms as callers send them, and as they should not.

use futures::stream;
use poem::Body;
use poem::http::StatusCode;

use super::*;
use crate::api::generated::types::{CreateFileForm, UploadPartForm};

const LIMIT: u64 = 1000;

/// A form of these parts, each with its headers and its content.
fn form_of(parts: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (headers, content) in parts {
        text.push_str(&format!("--XX\r\n{headers}\r\n\r\n{content}\r\n"));
    }
    text + "--XX--\r\n"
}

fn field(name: &str) -> String {
    format!("Content-Disposition: form-data; name=\"{name}\"")
}

const FILE: &str =
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain";

/// The form that arrives as these pieces.
async fn arriving<F: FormFields>(
    content_type: &str,
    pieces: Vec<Result<Vec<u8>, io::Error>>,
) -> Result<Form<F>, Problem> {
    let request = Request::builder()
        .content_type(content_type)
        .body(Body::from_bytes_stream(stream::iter(pieces)));
    let (request, mut body) = request.split();
    let body = FormBody::<F>::of(&request, &mut body);
    let read = body.read(&mut Faults::default()).await;
    read.map(|form| form.unwrap())
}

async fn form<F: FormFields>(text: &str) -> Form<F> {
    // Small pieces, so that every boundary is cut somewhere.
    let pieces = text.as_bytes().chunks(7).map(|piece| Ok(piece.to_vec()));
    let arrived = arriving("multipart/form-data; boundary=XX", pieces.collect()).await;
    arrived.unwrap()
}

async fn text(content: ByteStream) -> Result<String, Error> {
    let whole: Vec<Bytes> = content.try_collect().await?;
    Ok(String::from_utf8(whole.concat()).unwrap())
}

/// What comes of reading everything: the file, and the fields.
async fn whole(form: Form<CreateFileForm>) -> Result<(String, CreateFileForm), Error> {
    let (file, rest) = form.open(LIMIT).await?;
    let content = text(file.content).await?;
    Ok((content, rest.finish().await?))
}

async fn refusal(parts: &[(&str, &str)]) -> Vec<(String, String)> {
    match whole(form(&form_of(parts)).await).await {
        Err(Error::InvalidRequest(places)) => places
            .into_iter()
            .map(|place| (place.pointer, place.detail))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn fields_come_in_any_order() {
    let purpose = field("purpose");
    let seconds = field("expires_after[seconds]");
    let orders: [&[(&str, &str)]; 3] = [
        &[(FILE, "abc"), (&purpose, "vision"), (&seconds, "60")],
        &[(&purpose, "vision"), (&seconds, "60"), (FILE, "abc")],
        &[(&seconds, "60"), (FILE, "abc"), (&purpose, "vision")],
    ];
    for parts in orders {
        let (content, fields) = whole(form(&form_of(parts)).await).await.unwrap();
        assert_eq!(content, "abc");
        assert_eq!(fields.purpose.as_deref(), Some("vision"));
        assert_eq!(fields.expires_after_seconds, Some(60));
        assert_eq!(fields.expires_in, None);
    }
}

#[tokio::test]
async fn the_file_has_its_name_and_type_before_it_is_read() {
    let parts = form_of(&[(&field("purpose"), "vision"), (FILE, "abc")]);
    let (file, rest) = form::<CreateFileForm>(&parts)
        .await
        .open(LIMIT)
        .await
        .unwrap();
    assert_eq!(file.filename.as_deref(), Some("a.txt"));
    assert_eq!(file.content_type.as_deref(), Some("text/plain"));
    assert_eq!(rest.so_far().purpose.as_deref(), Some("vision"));
    // A file that nobody wants is passed over.
    drop(file);
    assert!(rest.finish().await.is_ok());
}

#[tokio::test]
async fn names_and_contents_keep_their_bytes() {
    let headers = "Content-Disposition: form-data; name=\"file\"; filename=\"größe.txt\"";
    let content = "--X\r\n--XY not a boundary\r\n\r\n-";
    let parts = form_of(&[(&field("purpose"), "vision"), (headers, content)]);
    let (file, _rest) = form::<CreateFileForm>(&parts)
        .await
        .open(LIMIT)
        .await
        .unwrap();
    assert_eq!(file.filename.as_deref(), Some("größe.txt"));
    assert_eq!(file.content_type, None);
    assert_eq!(text(file.content).await.unwrap(), content);
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let parts = form_of(&[(FILE, ""), (&field("purpose"), "vision")]);
    assert_eq!(whole(form(&parts).await).await.unwrap().0, "");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let both = [("file", "is required"), ("purpose", "is required")];
    let both = both.map(|(at, detail)| (at.to_owned(), detail.to_owned()));
    assert_eq!(refusal(&[]).await, both);
    let purpose = (field("purpose"), "vision");
    let found = refusal(&[(&purpose.0, purpose.1)]).await;
    assert_eq!(found, both[..1]);
    assert_eq!(refusal(&[(FILE, "abc")]).await, both[1..]);
}

#[tokio::test]
async fn what_is_wrong_is_named_wherever_it_stands() {
    let purpose = field("purpose");
    let wrong = [
        (field("expires_in"), "soon", "must be a whole number"),
        (field("expires_in"), "0", "must be at least 1"),
        (
            field("expires_after[anchor]"),
            "now",
            "must be one of created_at",
        ),
        (
            field("colour"),
            "red",
            "is unknown; the fields are file, purpose",
        ),
        (purpose.clone(), "again", "is given more than once"),
    ];
    for (headers, content, words) in &wrong {
        let wrong = (headers.as_str(), *content);
        for parts in [
            [(purpose.as_str(), "vision"), wrong, (FILE, "abc")],
            [(purpose.as_str(), "vision"), (FILE, "abc"), wrong],
        ] {
            let found = refusal(&parts).await;
            assert!(found[0].1.contains(words), "{found:?}");
            assert!(
                headers.contains(&format!("\"{}\"", found[0].0)),
                "{found:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_form_that_is_wrong_throughout_is_not_read_to_its_end() {
    let colour = field("colour");
    let parts = [(colour.as_str(), "red"); 1000];
    assert_eq!(refusal(&parts).await.len(), VIOLATIONS);
}

#[tokio::test]
async fn two_files_are_one_too_many() {
    let purpose = field("purpose");
    let found = refusal(&[(&purpose, "vision"), (FILE, "a"), (FILE, "b")]).await;
    let expected = ("file".to_owned(), "is given more than once".to_owned());
    assert_eq!(found, [expected]);
}

#[tokio::test]
async fn a_text_field_is_bounded_and_utf8() {
    let long = "x".repeat(8193);
    let found = refusal(&[(&field("purpose"), &long), (FILE, "abc")]).await;
    let expected = ("purpose".to_owned(), "is longer than 8192 bytes".to_owned());
    assert_eq!(found, [expected]);
    let mut bytes = form_of(&[(&field("purpose"), "@"), (FILE, "abc")]).into_bytes();
    let at = bytes.iter().position(|byte| *byte == b'@').unwrap();
    bytes[at] = 0xff;
    let arrived = arriving("multipart/form-data; boundary=XX", vec![Ok(bytes)]).await;
    let error = whole(arrived.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest(_)), "{error}");
}

#[tokio::test]
async fn a_file_over_the_limit_ends_in_an_error() {
    let purpose = field("purpose");
    let just = "x".repeat(1000);
    let parts = form_of(&[(&purpose, "vision"), (FILE, &just)]);
    assert_eq!(whole(form(&parts).await).await.unwrap().0, just);
    let over = "x".repeat(1001);
    let parts = form_of(&[(&purpose, "vision"), (FILE, &over)]);
    let error = whole(form(&parts).await).await.unwrap_err();
    assert!(
        matches!(error, Error::FileTooLarge { limit: LIMIT }),
        "{error}"
    );
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_unread() {
    let mut request = Request::builder()
        .content_type("multipart/form-data; boundary=XX")
        .header("content-length", LIMIT + BESIDES_BYTES + 1)
        .body(Body::from_bytes_stream(
            stream::pending::<io::Result<Bytes>>(),
        ));
    let mut body = RequestBody::new(request.take_body());
    let form = FormBody::<CreateFileForm>::of(&request, &mut body);
    let form = form.read(&mut Faults::default()).await.unwrap().unwrap();
    let error = form.open(LIMIT).await.err().unwrap();
    assert!(matches!(error, Error::FileTooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_form_that_stops_is_incomplete() {
    let purpose = field("purpose");
    let all = form_of(&[
        (&purpose, "vision"),
        (FILE, "abc"),
        (&field("expires_in"), "60"),
    ]);
    // The last line break may be missing, as RFC 2046 lets what follows the last boundary be.
    for end in 0..all.len() - 2 {
        let error = whole(form(&all[..end]).await).await.unwrap_err();
        assert!(matches!(error, Error::IncompleteBody), "{end}: {error}");
    }
    let pieces = vec![
        Ok(all.as_bytes()[..100].to_vec()),
        Err(io::Error::other("gone")),
    ];
    let arrived = arriving("multipart/form-data; boundary=XX", pieces).await;
    let error = whole(arrived.unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::IncompleteBody), "{error}");
}

#[tokio::test]
async fn a_boundary_is_needed() {
    for (content_type, status) in [
        ("multipart/form-data", StatusCode::BAD_REQUEST),
        ("multipart/form-data; boundary=", StatusCode::BAD_REQUEST),
        (
            "multipart/mixed; boundary=XX",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("text/plain", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("", StatusCode::UNSUPPORTED_MEDIA_TYPE),
    ] {
        let arrived = arriving::<CreateFileForm>(content_type, Vec::new()).await;
        assert_eq!(arrived.unwrap_err().status(), status, "{content_type}");
    }
}

#[tokio::test]
async fn headers_that_cannot_be_read_are_malformed() {
    for headers in ["Content-Type: text/plain", "\u{1}: x"] {
        let parts = form_of(&[(headers, "abc")]);
        let error = whole(form(&parts).await).await.unwrap_err();
        assert!(
            matches!(error, Error::MalformedForm(_)),
            "{headers:?}: {error}"
        );
    }
}

#[tokio::test]
async fn endless_headers_are_not_collected() {
    let piece = || Ok(vec![b'x'; 64 << 10]);
    for start in ["", "--XX\r\nX-Long: "] {
        let pieces = std::iter::once(Ok(start.as_bytes().to_vec()));
        let pieces = pieces
            .chain(std::iter::repeat_with(piece).take(100))
            .collect();
        let arrived = arriving::<CreateFileForm>("multipart/form-data; boundary=XX", pieces).await;
        let error = arrived.unwrap().open(64 << 20).await.err().unwrap();
        assert!(
            matches!(error, Error::MalformedForm(_)),
            "{start:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_long_file_passes_through() {
    let piece = || Ok(vec![b'x'; 64 << 10]);
    let start = format!("--XX\r\n{FILE}\r\n\r\n").into_bytes();
    let end = format!("\r\n--XX\r\n{}\r\n\r\nvision\r\n--XX--", field("purpose"));
    let mut pieces = vec![Ok(start)];
    pieces.extend(std::iter::repeat_with(piece).take(100));
    pieces.push(Ok(end.into_bytes()));
    let arrived = arriving::<CreateFileForm>("multipart/form-data; boundary=XX", pieces).await;
    let (file, rest) = arrived.unwrap().open(64 << 20).await.unwrap();
    let lengths: Vec<_> = file
        .content
        .map_ok(|bytes| bytes.len())
        .try_collect()
        .await
        .unwrap();
    assert_eq!(lengths.iter().sum::<usize>(), 6400 << 10);
    assert!(
        lengths.iter().all(|length| *length <= 128 << 10),
        "{lengths:?}"
    );
    assert!(rest.finish().await.is_ok());
}

#[tokio::test]
async fn a_file_alone_ends_with_what_follows_it() {
    let data = "Content-Disposition: form-data; name=\"data\"; filename=\"upload\"";
    let ending = async |parts: &[(&str, &str)]| {
        let form = form::<UploadPartForm>(&form_of(parts)).await;
        let (file, rest) = form.open(LIMIT).await.unwrap();
        text(rest.ending(file.content)).await
    };
    assert_eq!(ending(&[(data, "abc")]).await.unwrap(), "abc");
    let error = ending(&[(data, "abc"), (data, "def")]).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest(_)), "{error}");
}

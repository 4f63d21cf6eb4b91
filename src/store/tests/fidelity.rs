//! What is put in comes out: documents and times, the same on both databases.

use chrono::{DateTime, Utc};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::support::{
    collection, create, document, get, list, name, on_both, query, sql, tenant, time,
};
use crate::clock::Timestamp;
use crate::document::Document;
use crate::document::contains::contains;
use crate::document::strategy::{arbitrary_document, document_and_pattern};
use crate::ids::Tenant;
use crate::store::{Backend, Change, Store};

/// Documents that a parser of doubles, or a database with opinions, would change or refuse.
fn difficult() -> Vec<String> {
    vec![
        r#"{"big":1e400}"#.to_owned(),
        r#"{"integer":123456789012345678901234567890}"#.to_owned(),
        format!(r#"{{"digits":{}.{}}}"#, "7".repeat(200), "3".repeat(200)),
        r#"{"one":1.0,"two":1,"three":1.50,"minus":-0}"#.to_owned(),
        r#"{"":{"":[[],{}]},"zz":null,"a":true}"#.to_owned(),
        r#"{"escapes":"\"\\\/\b\f\n\r\t\u0001\u007f\u00e9\ud83d\ude00"}"#.to_owned(),
        r#"{"spaces":" a : b , c ","k, \": ":[1, 2]}"#.to_owned(),
        r#"{"a":1,"a":2}"#.to_owned(),
        format!(r#"{{"deep":{}{}}}"#, "[".repeat(60), "]".repeat(60)),
    ]
}

/// Every way to write a document, and every way to read one.
async fn survives(store: &Store, tenant: &Tenant, document: &Document) {
    let id = create(store, tenant, "notes", document.as_str(), time(1)).await;
    assert_eq!(&get(store, tenant, id).await.body, document);
    let changed = store.update_object(
        tenant,
        id,
        || time(2),
        |_| Ok::<_, ()>(Change::Body(document.clone())),
    );
    assert_eq!(&changed.await.unwrap().unwrap().row.body, document);
    let page = list(store, tenant, "notes", &query()).await;
    let read = page.items.iter().find(|item| item.id == id).unwrap();
    assert_eq!((&read.body, read.version), (document, 2));

    let accept = |_: Option<&_>| Ok::<_, ()>(());
    let schema = Some(document);
    let name = name("schemas");
    let put = store.put_collection(tenant, &name, schema, Uuid::now_v7(), time(1), accept);
    put.await.unwrap();
    let read = store.get_collection(tenant, &name).await.unwrap().unwrap();
    assert_eq!(read.schema.as_ref(), schema);
}

#[tokio::test]
async fn difficult_documents_survive() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        for text in difficult() {
            survives(&store, &tenant, &document(&text)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn campaign_random_documents_survive() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        let mut runner = TestRunner::deterministic();
        for _ in 0..15 {
            let document = arbitrary_document()
                .new_tree(&mut runner)
                .unwrap()
                .current();
            survives(&store, &tenant, &document).await;
        }
    })
    .await;
}

/// One number outside the range of a double must not spoil the page for its neighbors.
#[tokio::test]
async fn a_page_may_hold_numbers_beyond_doubles() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        for (number, body) in [r#"{"n":1}"#, r#"{"n":1e400}"#, r#"{"n":3}"#]
            .iter()
            .enumerate()
        {
            create(&store, &tenant, "notes", body, time(number as i64)).await;
        }
        let page = list(&store, &tenant, "notes", &query()).await;
        let expected = format!(r#"{{"n":1{}}}"#, "0".repeat(400));
        assert_eq!(page.items[1].body.as_str(), expected);
        assert_eq!(page.items.len(), 3);
    })
    .await;
}

/// A cast to `jsonb` has numeric affinity on SQLite and stores 0; `json(…)` stores the text.
#[tokio::test]
async fn documents_are_stored_as_json_and_not_as_a_number() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        create(&store, &tenant, "notes", r#"{"a":1}"#, time(1)).await;
        let (kind, trap) = match store.backend() {
            Backend::Sqlite => ("typeof(body) || body", "0"),
            Backend::Postgres => ("jsonb_typeof(body) || body::text", r#"{"a": 1}"#),
        };
        let gpt_id = tenant.gpt_id();
        let stored = format!("SELECT {kind} FROM objects WHERE gpt_id = '{gpt_id}'");
        let expected = match store.backend() {
            Backend::Sqlite => r#"text{"a":1}"#,
            Backend::Postgres => r#"object{"a": 1}"#,
        };
        assert_eq!(sql(&store, &stored).await, [expected]);
        let cast = sql(&store, r#"SELECT CAST(CAST('{"a":1}' AS jsonb) AS text)"#);
        assert_eq!(
            cast.await,
            [trap],
            "the trap is gone: `json(…)` may no longer be needed"
        );
    })
    .await;
}

#[tokio::test]
async fn microseconds_survive_and_sort() {
    on_both(async |store| {
        let tenant = tenant(&store).await;
        collection(&store, &tenant, "notes").await;
        // No, three and six fractional digits as text, on both sides of a full second.
        let micros = [
            -1, 0, 1, 999, 1000, 1001, 500_000, 999_999, 1_000_000, 1_000_001,
        ];
        for micros in micros {
            let id = create(&store, &tenant, "notes", "{}", time(micros)).await;
            assert_eq!(get(&store, &tenant, id).await.created_at, time(micros));
        }
        let page = list(&store, &tenant, "notes", &query()).await;
        let times: Vec<Timestamp> = page
            .items
            .iter()
            .rev()
            .map(|item| item.created_at)
            .collect();
        assert_eq!(times, micros.map(time));
    })
    .await;
}

/// SQLite compares the texts of times; their order must be the order of the times.
#[tokio::test]
async fn the_text_of_a_time_sorts_as_the_time() {
    on_both(async |store| {
        if store.backend() == Backend::Postgres {
            return;
        }
        let moments = (-2_000_000_000_000_000i64..4_000_000_000_000_000, 0..4usize).prop_map(
            |(micros, zeros)| micros / 10i64.pow(2 * zeros as u32) * 10i64.pow(2 * zeros as u32),
        );
        let mut runner = TestRunner::deterministic();
        for _ in 0..200 {
            let mut pick = || moments.new_tree(&mut runner).unwrap().current();
            let (a, b) = (pick(), pick());
            let values = [a, b].map(|micros| Timestamp::from_micros(micros).unwrap().into());
            let row = store
                .database()
                .reads()
                .query_one_raw(store.statement("SELECT $1 < $2", values));
            let less: bool = row.await.unwrap().unwrap().try_get_by_index(0).unwrap();
            assert_eq!(less, a < b, "{a} {b}");
        }
    })
    .await;
}

/// The databases agree with the document module on canonical text and on containment.
#[tokio::test]
async fn postgres_agrees_on_text_and_containment() {
    on_both(async |store| {
        if store.backend() == Backend::Sqlite {
            return;
        }
        let mut runner = TestRunner::deterministic();
        let pairs: Vec<(Document, Document)> = (0..1000)
            .map(|_| {
                document_and_pattern()
                    .new_tree(&mut runner)
                    .unwrap()
                    .current()
            })
            .collect();
        let texts = |pick: fn(&(Document, Document)) -> &Document| -> Vec<String> {
            pairs.iter().map(|pair| pick(pair).to_string()).collect()
        };
        let statement = store.statement(
            "SELECT document::jsonb, document::jsonb @> pattern::jsonb \
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS u (document, pattern, n) \
             ORDER BY n",
            [texts(|pair| &pair.0).into(), texts(|pair| &pair.1).into()],
        );
        let rows = store
            .database()
            .reads()
            .query_all_raw(statement)
            .await
            .unwrap();
        assert_eq!(rows.len(), pairs.len());
        let mut contained = 0;
        for (row, (document, pattern)) in rows.iter().zip(&pairs) {
            let text: Document = row.try_get_by_index(0).unwrap();
            let there: bool = row.try_get_by_index(1).unwrap();
            assert_eq!(&text, document);
            assert_eq!(
                contains(document, pattern),
                there,
                "{document} @> {pattern}"
            );
            contained += u32::from(there);
        }
        assert!(
            contained > 100,
            "too few of the pairs contain each other: {contained}"
        );
    })
    .await;
}

#[test]
fn timestamps_convert_without_loss() {
    let moment: DateTime<Utc> = time(123_456).into();
    assert_eq!(Timestamp::from(moment), time(123_456));
}

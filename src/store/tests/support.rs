//! Stores to test with, and rows to put into them.
//!
//! On PostgreSQL the tests share a database, each with tenants of its own; a test that needs a
//! database for itself says so. On SQLite each has its own file, which costs nothing.

use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tempfile::TempDir;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::document::{Document, Limits};
use crate::ids::{CollectionName, GptId, Tenant};
use crate::store::objects::list::{ListQuery, Page};
use crate::store::{
    ApplicationRow, DatabaseSettings, GptRow, GrantType, NewKey, NewObject, NewRefreshToken,
    NewSession, ObjectRow, Store,
};

/// Runs `test` on SQLite and on PostgreSQL.
pub(crate) async fn on_both<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    let directory = TempDir::new().unwrap();
    let sqlite = sqlite(&directory);
    once("store_tests.sqlite", migrate_template).await;
    let file = directory.path().join("data").join("store.db");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::copy(template(&shared_place("store_tests.sqlite")), file).unwrap();
    test(Store::connect(&sqlite).await.unwrap()).await;
    test(Store::connect(&shared_postgres().await).await.unwrap()).await;
}

/// Where the tests of one run keep what they share.
fn shared_place(name: &str) -> PathBuf {
    let folder = std::env::var("TEST_FOLDER").expect("run the tests with `cargo xtask test`");
    PathBuf::from(folder).join(name)
}

/// Makes something that all tests of a run share, in the first that needs it; the others wait.
async fn once(name: &str, make: impl AsyncFnOnce(&Path)) {
    let place = shared_place(name);
    let lock = File::create(place.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !place.exists() {
        make(&place).await;
        // It exists only from now on: a test that failed half-way leaves it to the next.
        std::fs::create_dir_all(&place).unwrap();
    }
}

/// An empty database with all tables; a copy of it costs far less than the migrations.
async fn migrate_template(place: &Path) {
    let store = migrated(&settings(format!("sqlite://{}", template(place).display()))).await;
    store.close().await;
}

fn template(place: &Path) -> PathBuf {
    place.with_extension("template.db")
}

/// Runs `test` on both, with tables that nobody else uses and that are still to be made.
pub(in crate::store) async fn on_both_alone<F: Future<Output = ()>>(
    test: impl Fn(DatabaseSettings) -> F,
) {
    let directory = TempDir::new().unwrap();
    test(sqlite(&directory)).await;
    on_postgres_alone(test).await;
}

/// Runs `test` on PostgreSQL in a schema of its own, which is far cheaper than a database.
pub(in crate::store) async fn on_postgres_alone<F: Future<Output = ()>>(
    test: impl Fn(DatabaseSettings) -> F,
) {
    let shared = shared_postgres().await;
    let schema = unique("schema");
    administer(&shared, &format!("CREATE SCHEMA {schema}"))
        .await
        .unwrap();
    test(with_option(&shared, "search_path", &schema)).await;
    administer(&shared, &format!("DROP SCHEMA {schema} CASCADE"))
        .await
        .unwrap();
}

/// Runs `test` on PostgreSQL with a database of its own.
pub(in crate::store) async fn in_own_database<F: Future<Output = ()>>(
    test: impl Fn(DatabaseSettings) -> F,
) {
    let name = unique("store_test");
    let server = server();
    administer(&server, &format!("CREATE DATABASE {name}"))
        .await
        .unwrap();
    test(database(&name)).await;
    administer(&server, &format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .unwrap();
}

/// The same database, with a parameter of PostgreSQL set for every connection.
pub(in crate::store) fn with_option(
    settings: &DatabaseSettings,
    name: &str,
    value: &str,
) -> DatabaseSettings {
    let mut settings = settings.clone();
    let separator = if settings.url.contains('?') { '&' } else { '?' };
    settings
        .url
        .push_str(&format!("{separator}options[{name}]={value}"));
    settings
}

pub(in crate::store) fn sqlite(directory: &TempDir) -> DatabaseSettings {
    let path = directory.path().join("data").join("store.db");
    settings(format!("sqlite://{}", path.display()))
}

pub(in crate::store) async fn migrated(settings: &DatabaseSettings) -> Store {
    let store = Store::connect(settings).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// The database that tests share, with all tables.
pub(in crate::store) async fn shared_postgres() -> DatabaseSettings {
    const NAME: &str = "store_tests";
    let make = async |_: &Path| {
        administer(&server(), &format!("CREATE DATABASE {NAME}"))
            .await
            .unwrap();
        migrated(&database(NAME)).await.close().await;
    };
    once("store_tests.postgres", make).await;
    database(NAME)
}

pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}_{}", Uuid::now_v7().simple())
}

fn settings(url: String) -> DatabaseSettings {
    DatabaseSettings {
        // Many tests at once share the server's connections.
        max_connections: 8,
        ..DatabaseSettings::new(url)
    }
}

fn database(name: &str) -> DatabaseSettings {
    settings(options(&server()).database(name).to_url_lossy().to_string())
}

fn server() -> DatabaseSettings {
    let url = std::env::var("TEST_POSTGRES_URL").expect(
        "TEST_POSTGRES_URL must name a PostgreSQL server as its superuser, such as \
         postgres://postgres@localhost:5432/postgres; `cargo xtask test` starts one and sets it",
    );
    settings(url)
}

fn options(settings: &DatabaseSettings) -> PgConnectOptions {
    PgConnectOptions::from_str(&settings.url).expect("TEST_POSTGRES_URL must be a URL")
}

async fn administer(settings: &DatabaseSettings, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(&options(settings)).await?;
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    connection.close().await
}

/// A tenant that nobody else has, with its GPT.
pub(in crate::store) async fn tenant(store: &Store) -> Tenant {
    let id: GptId = unique("gpt").parse().unwrap();
    let gpt = GptRow {
        id: id.clone(),
        name: "test".to_owned(),
        created_at: Timestamp::now(),
    };
    assert!(store.create_gpt(&gpt).await.unwrap());
    Tenant::vouched(id)
}

/// A key of the tenant's, by its public id.
pub(in crate::store) async fn key(store: &Store, tenant: &Tenant) -> String {
    let mut token_hash = [0; 32];
    getrandom::fill(&mut token_hash).unwrap();
    let key = NewKey {
        token_hash,
        id: unique("key"),
        gpt_id: Some(tenant.gpt_id().clone()),
        name: "laptop".to_owned(),
        scopes: "objects:read".to_owned(),
        created_at: time(1),
        expires_at: None,
        rate_limits: None,
    };
    let id = key.id.clone();
    store.create_key(key).await.unwrap();
    id
}

/// A confidential application of the tenant's.
pub(in crate::store) async fn application(store: &Store, tenant: &Tenant) -> ApplicationRow {
    let row = ApplicationRow {
        id: Uuid::now_v7(),
        gpt_id: tenant.gpt_id().clone(),
        client_id: unique("app"),
        name: "Notes".to_owned(),
        is_public: false,
        secret_hash: Some([7; 32]),
        previous_secret: None,
        scopes: "objects:read objects:write".to_owned(),
        collections: None,
        redirect_uris: vec!["https://example.com/callback".to_owned()],
        rate_limits: Some("key:1/s".to_owned()),
        created_at: time(1),
        updated_at: time(1),
        last_used: None,
        revoked_at: None,
    };
    store.insert_application(&row).await.unwrap();
    row
}

/// A session of an application that acts for itself, from the second microsecond to the thousandth.
pub(in crate::store) fn session(
    application: &ApplicationRow,
    refresh_token: Option<NewRefreshToken>,
) -> NewSession {
    NewSession {
        id: Uuid::now_v7(),
        application_id: application.id,
        grant_type: GrantType::ClientCredentials,
        key_id: None,
        scopes: "objects:read".to_owned(),
        created_at: time(2),
        expires_at: time(1000),
        refresh_token,
    }
}

pub(in crate::store) fn name(name: &str) -> CollectionName {
    name.parse().unwrap()
}

/// The name of the collection that most tests use.
pub(in crate::store) fn notes() -> &'static CollectionName {
    static NOTES: LazyLock<CollectionName> = LazyLock::new(|| name("notes"));
    &NOTES
}

pub(in crate::store) fn document(text: &str) -> Document {
    Document::parse(text, &Limits::default()).unwrap()
}

/// `number` microseconds after some moment.
pub(in crate::store) fn time(number: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + number).unwrap()
}

/// Makes a collection without a schema.
pub(in crate::store) async fn collection(store: &Store, tenant: &Tenant, collection: &str) {
    let (id, at) = (collection_id(collection), Timestamp::now());
    store
        .put_collection(tenant, &name(collection), None, id, at, |_| Ok::<_, ()>(()))
        .await
        .unwrap();
}

/// The id that a collection of this name gets in tests.
pub(in crate::store) fn collection_id(collection: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(collection.bytes())
        .for_each(|(to, from)| *to = from);
    Uuid::from_bytes(bytes)
}

/// An object of the first version of `collection`.
pub(in crate::store) fn object(collection: &str, body: &str, at: Timestamp) -> NewObject {
    NewObject {
        id: Uuid::now_v7(),
        collection: name(collection),
        body: document(body),
        at,
        collection_id: collection_id(collection),
        collection_version: 1,
        is_forwarded: false,
    }
}

/// Creates an object and returns its id.
pub(in crate::store) async fn create(
    store: &Store,
    tenant: &Tenant,
    collection: &str,
    body: &str,
    at: Timestamp,
) -> Uuid {
    let object = object(collection, body, at);
    let id = object.id;
    store.create_object(tenant, object).await.unwrap();
    id
}

pub(in crate::store) async fn get(store: &Store, tenant: &Tenant, id: Uuid) -> ObjectRow {
    store
        .get_object(tenant, id)
        .await
        .unwrap()
        .expect("the object should exist")
}

/// Everything, newest first, in one page.
pub(in crate::store) fn query() -> ListQuery {
    ListQuery {
        after: None,
        ascending: false,
        limit: 200,
        created_after: None,
        created_before: None,
        filter: None,
        max_bytes: usize::MAX,
    }
}

pub(in crate::store) async fn list(
    store: &Store,
    tenant: &Tenant,
    collection: &str,
    query: &ListQuery,
) -> Page {
    store
        .list_objects(tenant, &name(collection), query)
        .await
        .unwrap()
}

/// The ids of all pages, each of which has at most `query.limit` objects.
pub(in crate::store) async fn walk(
    store: &Store,
    tenant: &Tenant,
    collection: &str,
    query: &ListQuery,
) -> Vec<Uuid> {
    let mut query = query.clone();
    let mut ids = Vec::new();
    loop {
        let page = list(store, tenant, collection, &query).await;
        assert!(page.items.len() <= query.limit as usize);
        ids.extend(page.items.iter().map(|item| item.id));
        if !page.more {
            return ids;
        }
        query.after = page.position;
    }
}

/// Runs one statement outside of everything, and returns its first column as text.
pub(in crate::store) async fn sql(store: &Store, sql: &str) -> Vec<String> {
    use sea_orm::ConnectionTrait;
    let rows = store
        .database()
        .writes()
        .query_all_raw(store.statement(sql, []))
        .await
        .unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

/// Long enough for a task that can go on to have gone on.
pub(in crate::store) async fn settle() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

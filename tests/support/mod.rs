//! What tests speak with: actors over HTTP, and the checks that every answer goes through.

pub mod actor;
pub mod answer;
pub mod app;
pub mod balancer;
pub mod buckets;
pub mod cluster;
pub mod conformance;
pub mod contract;
pub mod database;
pub mod files;
pub mod http;
pub mod jobs;
pub mod oauth;
pub mod operator;
pub mod process;
pub mod receiver;
pub mod redis;
pub mod rows;
pub mod snapshot;
pub mod tokens;
pub mod waiting;

/// Makes a test of the async function `name(app: App)`, which runs it on SQLite and then on
/// PostgreSQL: in one process, since to start one costs as much as most tests.
///
/// A function that is not named in one of these is dead code, which clippy reports.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::app::App;

            #[tokio::test]
            async fn on_both() {
                super::$name(App::sqlite().await).await;
                super::$name(App::postgres().await).await;
            }
        }
    )+};
}

/// Makes a test of the async function `name(app: App)` for each place that namespaces can be in:
/// SQLite, PostgreSQL, and buckets of S3 and of Cloud Storage.
macro_rules! on_every_storage {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::support::app::App;

            #[tokio::test]
            async fn sqlite() {
                super::$name(App::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(App::postgres().await).await;
            }

            #[tokio::test]
            async fn s3() {
                super::$name(App::s3().await).await;
            }

            #[tokio::test]
            async fn gcs() {
                super::$name(App::gcs().await).await;
            }
        }
    )+};
}

//! The documents that the running service reports, against those that were written.

use std::collections::BTreeMap;
use std::sync::Arc;

use gpt_object_store::api::cursor::CursorCodec;
use gpt_object_store::api::{Handlers, admin, openapi_service};
use gpt_object_store::config::{Config, Source};
use gpt_object_store::limits::Limiter;
use gpt_object_store::service::Service;
use gpt_object_store::stopping::Stopping;
use gpt_object_store::store::{DatabaseSettings, Store};
use gpt_object_store_openapi::{Plane, diff, load, lower, normalize};

#[tokio::test]
async fn the_service_is_what_the_documents_say() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("drift.db").display());
    let config = Config::read(Source::new(BTreeMap::from([(
        "DATABASE_URL".to_owned(),
        url,
    )])))
    .unwrap();
    let store = Store::connect(&DatabaseSettings::new(config.database.url))
        .await
        .unwrap();
    let handlers = Arc::new(Handlers {
        limiter: Limiter::new(config.limits.rate_limits.clone(), None).unwrap(),
        service: Service::new(store, config.limits),
        cursors: CursorCodec::new(b"of no importance").unwrap(),
        public_url: "http://localhost:8000".into(),
        operator_url: "http://localhost:8000".into(),
        metrics: Arc::default(),
        stopping: Stopping::default(),
        storage_info: None,
    });
    for plane in Plane::ALL {
        let reported = match plane {
            Plane::Data => openapi_service(handlers.clone()).spec(),
            Plane::Operator => admin::openapi_service(handlers.clone()).spec(),
        };
        let reported = serde_json::from_str(&reported).unwrap();
        let written = lower(&load(plane.yaml()).unwrap()).unwrap();
        let differences = diff(&normalize(&written), &normalize(&reported));
        let sentences: Vec<_> = differences.iter().map(ToString::to_string).collect();
        assert!(
            sentences.is_empty(),
            "{}: {} differences:\n{}",
            plane.name(),
            sentences.len(),
            sentences.join("\n")
        );
    }
}

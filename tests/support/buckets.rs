//! The bucket servers that `cargo xtask test` starts.

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

#[derive(Deserialize)]
struct Addresses {
    s3: String,
    gcs: String,
}

/// Settings of a server that keeps its namespaces in a bucket of `kind`, `s3` or `gcs`, where
/// nothing is yet.
pub fn settings(kind: &str) -> Vec<(&'static str, String)> {
    let addresses = std::env::var("TEST_BUCKETS").expect("run the tests with `cargo xtask test`");
    let addresses: Addresses = serde_json::from_str(&addresses).unwrap();
    let prefix = format!("t{}", Uuid::now_v7().simple());
    let account = json!({
        "gcs_base_url": addresses.gcs, "disable_oauth": true,
        "client_email": "", "private_key": "", "private_key_id": "",
    });
    match kind {
        "gcs" => vec![
            ("STORAGE_URL", format!("gs://test/{prefix}")),
            ("GOOGLE_SERVICE_ACCOUNT_KEY", account.to_string()),
        ],
        _ => vec![
            ("STORAGE_URL", format!("s3://test/{prefix}")),
            ("AWS_ENDPOINT", addresses.s3),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test-secret".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
        ],
    }
}

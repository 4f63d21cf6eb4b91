//! The generated client of operators.

use gpt_object_store_client::admin::types::{CreateGptRequest, CreateKeyRequest};
use uuid::Uuid;

use crate::support::app::App;

on_both!(the_client_makes_a_gpt_and_a_key);
async fn the_client_makes_a_gpt_and_a_key(app: App) {
    let client = app.administrator().await.client();
    let id = format!("made-{}", Uuid::new_v4().simple());
    let gpt = CreateGptRequest::builder().id(id.as_str());
    client.create_gpt().body(gpt).send().await.unwrap();
    let key = CreateKeyRequest::builder().gpt_id(Some(id.parse().unwrap()));
    let issued = client.create_key().body(key).send().await.unwrap();
    let used = app.gpt().await.with_key(&issued.key).client();
    let limits = used.get_limits().send().await.unwrap();
    assert_eq!(limits.gpt_id.as_deref(), Some(id.as_str()));
    let deletion = client.delete_gpt().gpt_id(id.as_str()).confirm(id.as_str());
    deletion.send().await.unwrap();
    assert!(client.get_gpt().gpt_id(id.as_str()).send().await.is_err());
}

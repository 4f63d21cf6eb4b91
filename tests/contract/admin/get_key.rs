//! `get_key`.

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

const NO_KEY: &str = "key_0198c2f47b1e7c339f0a3d5e2b1c4a60";

on_both!(shows_a_key_without_its_secret);
async fn shows_a_key_without_its_secret(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt().await;
    let mut made = operator.has_key(gpt.id()).await.json().clone();
    made.as_object_mut().unwrap().remove("key");
    let found = operator.get_key(made["id"].as_str().unwrap()).await;
    assert_eq!(*found.expect(200).json(), made);
}

on_both!(what_is_not_there_is_not_found);
async fn what_is_not_there_is_not_found(app: App) {
    let operator = app.administrator().await;
    let none = operator.get_key(NO_KEY).await.expect(404);
    assert_problem("key_not_found", &none.problem("key-not-found"));
    let secret = operator.has_key(app.gpt().await.id()).await.string("key");
    operator.get_key(&secret).await.refuses("key_id");
}

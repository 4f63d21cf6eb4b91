//! `create_gpt`: once for each id.

use serde_json::json;
use uuid::Uuid;

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(makes_a_gpt_that_can_have_keys);
async fn makes_a_gpt_that_can_have_keys(app: App) {
    let operator = app.administrator().await;
    let id = format!("made-{}", Uuid::new_v4().simple());
    let created = operator.create_gpt(&id).member("name", "A GPT’s name");
    let created = created.await.expect(201);
    assert_eq!(
        (&created["id"], &created["name"]),
        (&id.as_str().into(), &"A GPT’s name".into())
    );
    let location = created.header("location").unwrap();
    assert_eq!(location, format!("/admin/v1/gpts/{id}"));
    let found = operator.get_gpt(&id).await.expect(200);
    assert_eq!(found.json(), created.json());
    operator.has_key(&id).await;
}

on_both!(without_a_name_it_has_its_id);
async fn without_a_name_it_has_its_id(app: App) {
    let operator = app.administrator().await;
    let id = operator.has_gpt().await;
    assert_eq!(operator.get_gpt(&id).await["name"], id.as_str());
}

on_both!(an_id_that_is_taken_stays_as_it_is);
async fn an_id_that_is_taken_stays_as_it_is(app: App) {
    let operator = app.administrator().await;
    let gpt = app.gpt_with_notes().await;
    let before = operator.get_gpt(gpt.id()).await.expect(200);
    let again = operator.create_gpt(gpt.id()).member("name", "another");
    let refused = again.await.expect(409).problem("already-exists");
    assert_problem("already_exists", &refused);
    assert_eq!(operator.get_gpt(gpt.id()).await.json(), before.json());
    gpt.get_collection("notes").await.expect(200);
}

on_both!(refuses_what_is_no_id_or_name);
async fn refuses_what_is_no_id_or_name(app: App) {
    let operator = app.administrator().await;
    for id in ["", "no/slash", "-a", &"x".repeat(65)] {
        operator.create_gpt(id).await.refuses("/id");
    }
    let id = format!("made-{}", Uuid::new_v4().simple());
    for name in ["x".repeat(201), "two\nlines".to_owned()] {
        let named = operator.create_gpt(&id).member("name", name);
        named.await.refuses("/name");
    }
    let more = operator.create_gpt(&id).member("colour", json!("red"));
    more.await.refuses("/colour");
    operator.create_gpt(&id).without("id").await.expect(400);
    operator.get_gpt(&id).await.expect(404);
}

//! `list_jobs`: those of GPTs and of the service, the latest first.

use serde_json::Value;

use crate::support::app::App;

on_both!(lists_jobs_by_gpt_kind_and_state);
async fn lists_jobs_by_gpt_kind_and_state(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let export = gpt.ended(gpt.create_export().await).await.string("id");
    let line = "{\"collection\":\"notes\",\"body\":{}}\nnot JSON\n";
    let import = gpt.ended(gpt.import_lines(line).await).await.string("id");
    let of_gpt = || operator.list_jobs().query("gpt_id", gpt.id());
    let one_by_one = || of_gpt().query("limit", 1);
    assert_eq!(
        operator.walk("id", one_by_one).await,
        [import.clone(), export]
    );
    let imports = of_gpt().query("kind", "import").query("state", "succeeded");
    let imports = imports.await.expect(200);
    let [job] = imports.items() else {
        panic!("{imports}");
    };
    assert_eq!(job["id"], import.as_str());
    assert_eq!(job["gpt_id"], gpt.id());
    assert_eq!(job["progress"]["lines"], 2);
    assert_eq!(of_gpt().query("state", "failed").await.items().len(), 0);
    let house = operator.list_jobs().query("kind", "sweep").await;
    let swept = house.expect(200).items().to_vec();
    assert!(!swept.is_empty());
    assert!(swept.iter().all(|job| job["gpt_id"] == Value::Null));
    operator
        .list_jobs()
        .query("state", "lost")
        .await
        .refuses("state");
}

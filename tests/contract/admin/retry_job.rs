//! `retry_job`: a dead letter is queued again.

use uuid::Uuid;

use crate::support::app::App;

on_both!(queues_a_dead_letter_again);
async fn queues_a_dead_letter_again(app: App) {
    let (operator, gpt) = (app.administrator().await, app.gpt_with_notes().await);
    let export = gpt.ended(gpt.create_export().await).await.string("id");
    let not_dead = operator.retry_job(&export).await;
    not_dead.expect(404).problem("job-not-found");
    let mut database = app.database().await;
    let bury = "UPDATE jobs SET state = 'failed' WHERE gpt_id = $1";
    assert_eq!(database.execute(bury, gpt.id()).await, 1);
    let retried = operator.retry_job(&export).await.expect(200);
    assert_eq!(retried["id"], export.as_str());
    let ended = gpt.until_ended(&export).await;
    assert_eq!(ended["state"], "succeeded");
    let none = operator.retry_job(&Uuid::now_v7().to_string()).await;
    none.expect(404).problem("job-not-found");
    operator.retry_job("one").await.refuses("job_id");
}

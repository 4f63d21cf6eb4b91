//! `get_job`: how far an import or an export is, for the GPT whose it is.

use crate::support::app::App;
use crate::support::snapshot::assert_problem;

on_both!(a_job_is_its_gpts_business);
async fn a_job_is_its_gpts_business(app: App) {
    let (gpt, stranger) = (app.gpt().await, app.gpt().await);
    let job = gpt.ended(gpt.create_export().await).await;
    let id = job.string("id");
    let theirs = stranger.get_job(&id).await.expect(404);
    assert_problem("job_not_found", &theirs);
    let never = stranger
        .get_job("0198c2f4-7b1e-7c33-9f0a-3d5e2b1c4a60")
        .await;
    never.expect(404).problem("job-not-found");
    gpt.get_job("17").await.refuses("job_id");
}

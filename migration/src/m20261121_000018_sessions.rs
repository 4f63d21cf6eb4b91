//! `sessions`: what an application was once allowed, for as long as its tokens are renewed.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut application = ForeignKey::create();
        application
            .name("sessions_gpt_id_application_id_fkey")
            .from(Sessions::Table, (Sessions::GptId, Sessions::ApplicationId))
            .to(Applications::Table, (Applications::GptId, Applications::Id))
            .on_delete(ForeignKeyAction::Cascade);
        let mut sessions = Table::create();
        sessions
            .table(Sessions::Table)
            .col(ColumnDef::new(Sessions::GptId).text().not_null())
            .col(ColumnDef::new(Sessions::Id).uuid().not_null())
            .col(ColumnDef::new(Sessions::ApplicationId).uuid().not_null())
            .col(ColumnDef::new(Sessions::GrantType).text().not_null())
            .col(ColumnDef::new(Sessions::KeyId).text())
            .col(ColumnDef::new(Sessions::Scopes).text().not_null())
            .col(
                ColumnDef::new(Sessions::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Sessions::LastActivity)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(
                ColumnDef::new(Sessions::ExpiresAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .col(ColumnDef::new(Sessions::EndedAt).timestamp_with_time_zone())
            .col(ColumnDef::new(Sessions::EndReason).text())
            .primary_key(Index::create().col(Sessions::GptId).col(Sessions::Id))
            .foreign_key(&mut application);
        manager.create_table(sessions).await?;

        let mut of_an_application = Index::create();
        of_an_application
            .name("sessions_gpt_id_application_id_created_at_id_idx")
            .table(Sessions::Table)
            .col(Sessions::GptId)
            .col(Sessions::ApplicationId)
            .col(Sessions::CreatedAt)
            .col(Sessions::Id);
        manager.create_index(of_an_application).await?;

        let mut of_a_gpt = Index::create();
        of_a_gpt
            .name("sessions_gpt_id_created_at_id_idx")
            .table(Sessions::Table)
            .col(Sessions::GptId)
            .col(Sessions::CreatedAt)
            .col(Sessions::Id);
        manager.create_index(of_a_gpt).await?;

        // The operator lists those of all GPTs.
        let mut by_time = Index::create();
        by_time
            .name("sessions_created_at_id_idx")
            .table(Sessions::Table)
            .col(Sessions::CreatedAt)
            .col(Sessions::Id);
        manager.create_index(by_time).await?;

        // The operator ends one by its id.
        let mut by_id = Index::create();
        by_id
            .name("sessions_id_idx")
            .table(Sessions::Table)
            .col(Sessions::Id);
        manager.create_index(by_id).await?;

        // A key that is revoked ends the sessions for which it stood.
        let mut of_a_key = Index::create();
        of_a_key
            .name("sessions_key_id_idx")
            .table(Sessions::Table)
            .col(Sessions::KeyId);
        manager.create_index(of_a_key).await?;

        let mut by_expiry = Index::create();
        by_expiry
            .name("sessions_expires_at_idx")
            .table(Sessions::Table)
            .col(Sessions::ExpiresAt);
        manager.create_index(by_expiry).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Sessions::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Sessions {
    Table,
    GptId,
    Id,
    ApplicationId,
    GrantType,
    KeyId,
    Scopes,
    CreatedAt,
    LastActivity,
    ExpiresAt,
    EndedAt,
    EndReason,
}

#[derive(DeriveIden)]
enum Applications {
    Table,
    GptId,
    Id,
}

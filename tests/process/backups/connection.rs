//! How the sidecar comes to its database: by a URL or by libpq's variables, each by a file too.

use std::fs;

use reqwest::Url;

use super::Sidecar;
use super::sidecar::migrated;

#[tokio::test]
async fn no_password_stands_in_the_arguments_of_a_process() {
    let database = migrated().await;
    let url = Url::parse(database.url()).unwrap();
    let password = url.password().unwrap();
    let sidecar = Sidecar::on(database.url());
    let seen = sidecar.backups().join("seen");
    let tells = format!(
        "printf '%s\\n' \"$@\" >{}; exec \"$real\" \"$@\"",
        seen.display()
    );
    sidecar.replace("pg_dump", &tells);
    sidecar.backup();
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("--dbname=postgresql://"), "{seen}");
    assert!(!seen.contains(password), "{seen}");
}

#[test]
fn a_password_is_decoded_and_the_rest_of_the_url_is_kept() {
    let url = "postgres://me:p%40s%2fs%25%3A%20x%C3%A9@db:5432/store?sslmode=require";
    let sidecar = Sidecar::on(url);
    let script = r#"for argument; do case $argument in --dbname=*) echo "$argument $PGPASSWORD" ;; esac; done; exit 1"#;
    sidecar.replace("pg_dump", script);
    let run = sidecar.run("backup", &[]);
    let expected = "--dbname=postgresql://me@db:5432/store?sslmode=require p@s/s%: xé\n";
    assert_eq!(run.stdout, expected);
}

#[tokio::test]
async fn the_variables_of_libpq_do_as_well() {
    let database = migrated().await;
    let url = Url::parse(database.url()).unwrap();
    let sidecar = Sidecar::on("").with("PGHOST", url.host_str().unwrap());
    let secret = sidecar.backups().join("password");
    fs::write(&secret, url.password().unwrap()).unwrap();
    let sidecar = sidecar
        .with("PGPORT", &url.port().unwrap().to_string())
        .with("PGUSER", url.username())
        .with("PGPASSWORD_FILE", secret.to_str().unwrap())
        .with("PGDATABASE", url.path().trim_start_matches('/'));
    sidecar.backup();
}

#[test]
fn settings_that_contradict_or_lack_are_named() {
    let sidecar = Sidecar::on("postgres://db/store").with("DATABASE_URL", "postgres://db/store");
    sidecar.fails(
        "backup",
        &[],
        "DATABASE_URL and DATABASE_URL_FILE are both set",
    );
    let sidecar = Sidecar::on("").with("DATABASE_URL_FILE", "/does/not/exist");
    sidecar.fails(
        "backup",
        &[],
        "DATABASE_URL_FILE: cannot read /does/not/exist",
    );
    Sidecar::on("").fails("backup", &[], "set DATABASE_URL, or PGHOST");
}

//! Large files: memory that does not grow with them, and clients that go half-way.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use tokio::time::sleep;

use super::super::file_calls::{FileFolder, KEY_1};
use super::super::{Caller, on_each_database};
use crate::support::cluster::ScratchDatabase;
use crate::support::process::ServerProcess;

const FILES: usize = 10;
const FILE_BYTES: usize = 200 << 20;
const PIECE: usize = 64 << 10;
/// Most memory of the server meanwhile.
const MEMORY: u64 = 150 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn campaign_ten_large_files_at_once() {
    let (folder, database) = (FileFolder::new(), ScratchDatabase::sqlite());
    let url = folder.url();
    let settings = [("FILES_URL", url.as_str()), ("FILES_ENCRYPTION_KEY", KEY_1)];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    let start = Instant::now();
    let uploads = join_all((0..FILES).map(|_| upload(&caller)));
    let (ids, highest) = tokio::select! {
        ids = uploads => (ids, server.resident_memory()),
        highest = watch(&server) => panic!("the server took {highest} bytes"),
    };
    println!(
        "{FILES} uploads in {:?}, then {highest} bytes of memory",
        start.elapsed()
    );
    let download = async {
        let request = caller.request(Method::GET, &format!("/v1/files/{}/content", ids[0]));
        let mut response = request
            .timeout(Duration::from_secs(60))
            .send()
            .await
            .unwrap();
        let mut length = 0;
        while let Some(bytes) = response.chunk().await.unwrap() {
            assert!(bytes.iter().all(|byte| *byte == b'a'));
            length += bytes.len();
        }
        length
    };
    tokio::select! {
        length = download => assert_eq!(length, FILE_BYTES),
        highest = watch(&server) => panic!("the server took {highest} bytes"),
    }
}

/// Returns when the server takes more memory than it may.
async fn watch(server: &ServerProcess) -> u64 {
    loop {
        let memory = server.resident_memory();
        if memory > MEMORY {
            return memory;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Sends a file as a form, piece by piece, and gives its id.
async fn upload(caller: &Caller) -> String {
    let piece = Bytes::from(vec![b'a'; PIECE]);
    let pieces = (0..FILE_BYTES / PIECE).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let content = Body::wrap_stream(stream::iter(pieces));
    let part = Part::stream_with_length(content, FILE_BYTES as u64).file_name("large");
    let form = Form::new().part("file", part).text("purpose", "user_data");
    let request = caller.request(Method::POST, "/v1/files").multipart(form);
    let response = request
        .timeout(Duration::from_secs(110))
        .send()
        .await
        .unwrap();
    let text = response.text().await.unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["bytes"], FILE_BYTES, "{text}");
    file["id"].as_str().unwrap().to_owned()
}

on_each_database!(campaign_clients_go_half_way);

async fn campaign_clients_go_half_way(database: ScratchDatabase) {
    let folder = FileFolder::new();
    let url = folder.url();
    let settings = [("FILES_URL", url.as_str()), ("FILES_ENCRYPTION_KEY", KEY_1)];
    let server = ServerProcess::start(database.url(), &settings).await;
    let caller = Caller::create(&server, "alice");
    let connections: Vec<_> = (0..8).map(|_| send_half(&server, caller.key())).collect();
    let start = Instant::now();
    while folder.objects().len() < connections.len() {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "no bytes came to the folder"
        );
        sleep(Duration::from_millis(20)).await;
    }
    assert!(caller.files().await.is_empty(), "half a file is listed");
    drop(connections);
    folder.has(0).await;
    assert!(caller.files().await.is_empty());
    assert_eq!(database.execute("UPDATE blobs SET attempts = 0").await, 0);
    let id = caller.has_file("whole").await;
    assert_eq!(caller.content(&id).await.unwrap().1, b"whole");
}

/// The first half of a form with a file of 10 MB.
fn send_half(server: &ServerProcess, key: &str) -> TcpStream {
    let mut connection = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: \
         multipart/form-data; boundary=X\r\nContent-Length: 10000000\r\n\r\n--X\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&vec![b'a'; 5_000_000]).unwrap();
    connection
}

//! Files: what goes in and out of the encrypted store beside nginx, which keeps them plain.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Plan;
use super::load::median;
use super::report::{Bar, Line};
use crate::programs::{NGINX, is_root};
use crate::servers::{Leash, ObjectStore, free_port};

/// Bytes of the file that is sent and fetched.
const BYTES: u64 = 1 << 30;
/// The memory that the server may take while it does so, in MB.
const MEMORY: f64 = 150.0;

/// nginx, serving and taking plain files from a folder; stopped on drop.
struct Nginx {
    url: String,
    child: Child,
    leash: Option<Leash>,
}

/// Both servers, and the file.
struct Transfers {
    server: ObjectStore,
    key: String,
    nginx: Nginx,
    file: PathBuf,
}

/// A line for each direction, and one for the memory.
///
/// # Errors
/// When a server does not start, or a transfer fails.
pub fn lines(program: &Path, plan: &Plan) -> Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("file");
    fill(&file)?;
    let url = format!("sqlite://{}/files.db", folder.path().display());
    let limit = (BYTES >> 20).to_string();
    let settings = vec![("FILES_MAX_SIZE_MB", limit)];
    let server = ObjectStore::start_with(program, &url, folder.path(), settings)?;
    let transfers = Transfers {
        key: server.make_key("bench")?,
        server,
        nginx: Nginx::start(folder.path())?,
        file,
    };
    transfers.measure(plan)
}

impl Transfers {
    fn measure(&self, plan: &Plan) -> Result<Vec<Line>> {
        let (mut up, mut up_beside) = (Vec::new(), Vec::new());
        let (mut down, mut down_beside) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let (rate, id) = self.upload()?;
            up.push(rate);
            up_beside.push(self.upload_to_nginx()?);
            down.push(self.download(&id)?);
            down_beside.push(self.download_from_nginx()?);
            self.delete(&id)?;
        }
        let memory = self.server.peak_memory()? as f64 / 1e6;
        Ok(vec![
            beside("upload of 1 GiB, encrypted", &up, &up_beside),
            beside("download of 1 GiB, encrypted", &down, &down_beside),
            Line {
                name: "peak memory while at it".to_owned(),
                ours: format!("{memory:.0} MB"),
                beside: String::new(),
                compared: memory,
                is_ratio: false,
                bar: Some(Bar::AtMost(MEMORY)),
                goal: None,
            },
        ])
    }

    fn upload(&self) -> Result<(f64, String)> {
        let mut curl = self.curl("%{speed_upload}");
        curl.args(["-F", "purpose=user_data"])
            .arg("-F")
            .arg(format!("file=@{}", self.file.display()))
            .arg(format!("{}/v1/files", self.server.base_url()));
        let (body, rate) = speed(&mut curl)?;
        let answer: Value = serde_json::from_str(&body)?;
        let id = answer["id"].as_str().with_context(|| body.clone())?;
        Ok((rate, id.to_owned()))
    }

    fn download(&self, id: &str) -> Result<f64> {
        let mut curl = self.curl("%{speed_download}");
        let url = format!("{}/v1/files/{id}/content", self.server.base_url());
        curl.args(["-o", "/dev/null"]).arg(url);
        Ok(speed(&mut curl)?.1)
    }

    fn delete(&self, id: &str) -> Result<()> {
        let mut curl = self.curl("%{http_code}");
        curl.args(["-X", "DELETE"])
            .arg(format!("{}/v1/files/{id}", self.server.base_url()));
        speed(&mut curl).map(|_| ())
    }

    fn upload_to_nginx(&self) -> Result<f64> {
        let mut curl = self.curl("%{speed_upload}");
        curl.arg("-T").arg(&self.file);
        curl.arg(format!("{}/file", self.nginx.url));
        Ok(speed(&mut curl)?.1)
    }

    fn download_from_nginx(&self) -> Result<f64> {
        let mut curl = self.curl("%{speed_download}");
        curl.args(["-o", "/dev/null"])
            .arg(format!("{}/file", self.nginx.url));
        Ok(speed(&mut curl)?.1)
    }

    /// curl, which prints the body and then, on a line of its own, `what`.
    fn curl(&self, what: &str) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "-H", "Expect:", "-w"])
            .arg(format!("\n{what}"))
            .arg("-H")
            .arg(format!("Authorization: Bearer {}", self.key));
        curl
    }
}

impl Nginx {
    fn start(folder: &Path) -> Result<Self> {
        let program = NGINX.require()?;
        let (port, root) = (free_port()?, folder.join("nginx"));
        fs::create_dir_all(root.join("files"))?;
        let root = root.display().to_string();
        let configuration = include_str!("nginx.conf")
            // As root it would work as somebody else, who may not look into our folder.
            .replace("USER", if is_root() { "user root;" } else { "" })
            .replace("PORT", &port.to_string())
            .replace("ROOT", &root);
        let path = folder.join("nginx.conf");
        fs::write(&path, configuration)?;
        let child = Command::new(program)
            .args(["-e", "/dev/stderr", "-c"])
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .context("cannot run nginx")?;
        let leash = Some(Leash::kill(&child)?);
        // It has no answer that says it is ready; a refused connection is over at once.
        sleep(Duration::from_millis(500));
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            child,
            leash,
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its master takes the workers with it; one that is gone already is as good.
        if let Some(leash) = self.leash.take() {
            let _ = Command::new("kill")
                .arg(self.child.id().to_string())
                .status();
            let _ = self.child.wait();
            leash.release();
        }
    }
}

/// Bytes that do not compress and have no pattern that a disk could use.
fn fill(path: &Path) -> Result<()> {
    let mut block = vec![0; 1 << 20];
    File::open("/dev/urandom")?.read_exact(&mut block)?;
    let mut file = File::create(path)?;
    for number in 0..BYTES >> 20 {
        block[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(())
}

/// The body and the figure that curl printed.
fn speed(curl: &mut Command) -> Result<(String, f64)> {
    let output = curl.output().context("cannot run `curl`")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "curl failed: {said}");
    let text = String::from_utf8(output.stdout)?;
    let (body, figure) = text.rsplit_once('\n').unwrap_or(("", &text));
    Ok((body.to_owned(), figure.trim().parse()?))
}

fn beside(name: &str, ours: &[f64], nginx: &[f64]) -> Line {
    let (ours, nginx) = (median(ours) / 1e6, median(nginx) / 1e6);
    Line {
        name: name.to_owned(),
        ours: format!("{ours:.0} MB/s"),
        beside: format!("nginx, plain {nginx:.0} MB/s"),
        compared: ours / nginx,
        is_ratio: true,
        bar: Some(Bar::AtLeast(0.5)),
        goal: None,
    }
}

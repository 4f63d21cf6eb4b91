//! What telemetry costs: metrics that are scraped and traces that go to a collector, beside the same
//! server without either.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Plan;
use super::load::{Loads, Workload, median};
use super::report::{Bar, Line};
use crate::servers::{Cluster, ObjectStore};

/// The share of the throughput that must be left.
const LEFT: f64 = 0.95;
/// The length of a round, in seconds, and how many of them stand for one of other parts: what else
/// the machine does should fall on all sides alike.
const SECONDS: u32 = 2;
const TIMES: u32 = 3;
/// How often metrics are scraped.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);
/// How often a scraper looks whether it is to stop.
const PAUSE: Duration = Duration::from_millis(20);

/// A collector that takes what comes, and counts its bytes.
struct Collector {
    url: String,
    bytes: Arc<AtomicU64>,
}

/// Two lines: get one with all telemetry as it is unless something else is said, and with a trace of
/// each request, both beside none, on the database that `loads` has filled.
///
/// # Errors
/// When a server does not start, a request fails, or no trace arrives.
pub fn lines(
    loads: &Loads<'_>,
    cluster: &Cluster,
    program: &Path,
    folder: &Path,
    plan: &Plan,
) -> Result<Vec<Line>> {
    let collector = Collector::start()?;
    let start = |name: &str, settings: Vec<(&'static str, String)>| {
        let own = folder.join(name);
        std::fs::create_dir_all(&own)?;
        let server = ObjectStore::start_with(program, &cluster.url("bench"), &own, settings)?;
        Ok::<_, anyhow::Error>(loads.on(server))
    };
    let endpoint = || ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.clone());
    let share = ("OTEL_TRACES_SAMPLER_ARG", "1".to_owned());
    let sides = [
        start("silent", Vec::new())?,
        start("telling", vec![endpoint()])?,
        start("telling-all", vec![endpoint(), share])?,
    ];
    let mut measured = [const { Vec::new() }; 3];
    for side in &sides {
        side.ours(Workload::GetOne, 1)?;
    }
    for round in 0..(plan.rounds * TIMES) as usize {
        for turn in 0..sides.len() {
            let number = (round + turn) % sides.len();
            measured[number].push(measure(&sides[number], number > 0)?);
        }
    }
    let bytes = collector.bytes.load(Ordering::Relaxed);
    ensure!(bytes > 0, "no trace came to the collector");
    let [without, with, with_all] = &measured;
    Ok(vec![
        throughput("traces", with, without, Some(Bar::AtLeast(LEFT))),
        throughput("a trace of each request", with_all, without, None),
        processor_time("traces", with, without),
        processor_time("a trace of each request", with_all, without),
    ])
}

/// One round of one side.
struct Measured {
    /// Requests a second.
    rate: f64,
    /// What the server worked for a request, in microseconds.
    work: f64,
}

fn throughput(name: &str, with: &[Measured], without: &[Measured], bar: Option<Bar>) -> Line {
    let rate = |side: &[Measured]| median(&side.iter().map(|one| one.rate).collect::<Vec<_>>());
    let (with, without) = (rate(with), rate(without));
    Line {
        name: format!("get one with metrics scraped each second and {name}"),
        ours: format!("{with:.0}/s"),
        beside: format!("without them {without:.0}/s"),
        compared: with / without,
        is_ratio: true,
        bar,
        goal: None,
    }
}

/// What others do on the machine changes this the least.
fn processor_time(name: &str, with: &[Measured], without: &[Measured]) -> Line {
    let work = |side: &[Measured]| median(&side.iter().map(|one| one.work).collect::<Vec<_>>());
    let (with, without) = (work(with), work(without));
    Line {
        name: format!("the server's work for a request, with metrics and {name}"),
        ours: format!("{with:.1} µs"),
        beside: format!("without them {without:.1} µs"),
        compared: with / without,
        is_ratio: true,
        bar: None,
        goal: None,
    }
}

/// Loads one side, whose metrics may be scraped meanwhile.
fn measure(side: &Loads<'_>, is_scraped: bool) -> Result<Measured> {
    let is_over = AtomicBool::new(!is_scraped);
    let before = side.server().processor_time()?;
    let rate = thread::scope(|scope| {
        let scraper = scope.spawn(|| scrape(side, &is_over));
        let measured = side.ours(Workload::GetOne, SECONDS);
        is_over.store(true, Ordering::Relaxed);
        let scraped = scraper.join();
        ensure!(
            matches!(scraped, Ok(Ok(()))),
            "the metrics cannot be scraped: {scraped:?}"
        );
        Ok(measured?.per_second)
    })?;
    let work = side.server().processor_time()? - before;
    let requests = rate * f64::from(SECONDS);
    Ok(Measured {
        rate,
        work: work.as_secs_f64() * 1e6 / requests,
    })
}

fn scrape(side: &Loads<'_>, is_over: &AtomicBool) -> Result<()> {
    let url = format!("{}/metrics", side.server().base_url());
    let mut next = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            ureq::get(&url).call()?.body_mut().read_to_vec()?;
            next += SCRAPE_EVERY;
        }
        sleep(PAUSE);
    }
    Ok(())
}

impl Collector {
    fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}", listener.local_addr()?);
        let bytes = Arc::<AtomicU64>::default();
        let counted = bytes.clone();
        // Both end with this process.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let bytes = counted.clone();
                thread::spawn(move || take(&connection, &bytes));
            }
        });
        Ok(Self { url, bytes })
    }
}

/// Answers every request on `connection` with 200.
fn take(connection: &TcpStream, bytes: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let lower = line.trim().to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        } else if lower.is_empty() {
            std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
            bytes.fetch_add(length, Ordering::Relaxed);
            let mut connection = connection;
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        }
        line.clear();
    }
    Ok(())
}

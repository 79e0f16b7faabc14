//! From keyword arguments and the environment to a communicator.

use std::collections::HashMap;
use std::time::Duration;

use pyo3::prelude::*;
use sealane::bootstrap::{Credentials, Launch, Master};
use sealane::{Builder, Communicator, Rank};

use crate::errors;

/// Variables that prove who we are: giving one of them replaces all of the environment's.
const CREDENTIALS: [&str; 5] =
    ["SEALANE_SECRET", "SEALANE_SECRET_FILE", "SEALANE_CA", "SEALANE_CERT", "SEALANE_KEY"];

/// Values by the names of their environment variables, which stand in for what is not given.
#[derive(FromPyObject)]
pub(crate) struct Settings(HashMap<String, String>);

impl Settings {
    /// What a variable is.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let given = CREDENTIALS.iter().any(|name| self.0.contains_key(*name));
        let ours = self.0.get(name).cloned();
        if ours.is_some() || given && CREDENTIALS.contains(&name) {
            return ours;
        }
        std::env::var(name).ok().filter(|value| !value.trim().is_empty())
    }

    /// What an identity is made from.
    pub(crate) fn credentials(&self, rank: Rank) -> PyResult<Credentials> {
        Credentials::from_environment(rank, &|name| self.get(name))
            .map_err(|error| errors::credentials(&error.to_string()))
    }

    fn parse<T: std::str::FromStr>(&self, name: &str, expected: &str) -> PyResult<Option<T>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = |_| errors::argument(&format!("{name}={text:?} is not {expected}"));
        text.trim().parse().map(Some).map_err(wrong)
    }

    fn seconds(&self, name: &str) -> PyResult<Option<Duration>> {
        let Some(seconds) = self.parse::<f64>(name, "a number of seconds")? else {
            return Ok(None);
        };
        let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
        let wrong = || errors::argument(&format!("{name}={seconds}: give more than 0 seconds"));
        limit.map(Some).ok_or_else(wrong)
    }

    fn builder(&self, master: Option<(String, u16)>) -> PyResult<Builder> {
        let lookup = |name: &str| self.get(name);
        let mut launch = Launch::detect(&lookup).map_err(|error| errors::raise(&error.into()))?;
        if let Some((host, port)) = master {
            launch.master = Some(Master { host, port });
        }
        let credentials = self.credentials(launch.rank)?;
        let mut builder = Communicator::builder().launch(launch).credentials(credentials);
        if let Some(job) = self.get("SEALANE_JOB") {
            builder = builder.job(job);
        }
        if let Some(limit) = self.seconds("SEALANE_TIMEOUT")? {
            builder = builder.timeout(limit);
        }
        if let Some(limit) = self.seconds("SEALANE_OPERATION_TIMEOUT")? {
            builder = builder.operation_timeout(limit);
        }
        if let Some(paths) = self.parse("SEALANE_PATHS", "a number of paths, 1 to 256")? {
            builder = builder.paths(paths);
        }
        if let Some(suite) = self.parse("SEALANE_SUITE", "aes256gcm or chacha20")? {
            builder = builder.suites(vec![suite]);
        }
        if let Some(text) = self.get("SEALANE_ADDRESSES") {
            let parsed: Result<Vec<_>, _> = text.split(',').map(|ip| ip.trim().parse()).collect();
            let wrong = |_| errors::argument(&format!("{text:?} is not a list of IP addresses"));
            builder = builder.addresses(parsed.map_err(wrong)?);
        }
        if let Some(algorithms) = self.parse("SEALANE_ALGO", "a list of algorithms")? {
            builder = builder.algorithms(algorithms);
        }
        Ok(builder)
    }
}

/// Finds the other ranks. `announce` is called on rank 0 with host and port when others can come.
pub(crate) fn connect(
    py: Python<'_>,
    settings: &Settings,
    master: Option<(String, u16)>,
    announce: Option<Py<PyAny>>,
) -> PyResult<Communicator> {
    let mut builder = settings.builder(master)?;
    if let Some(announce) = announce {
        builder = builder.announce(move |address| {
            let called = Python::try_attach(|py| {
                announce.call1(py, (address.ip().to_string(), address.port()))
            });
            match called {
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error.to_string()),
                None => Err("the interpreter is going away".to_owned()),
            }
        });
    }
    py.detach(|| builder.connect()).map_err(|error| errors::raise(&error))
}

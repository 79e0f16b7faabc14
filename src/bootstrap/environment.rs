//! Who we are, from the environment that launchers set.
//!
//! Launchers nest (torchrun under srun, mpirun in a batch job), and each sets its own variables, so
//! the innermost that gives a rank wins: our own, torchrun, Open MPI, PMI, Slurm.

mod master;

#[cfg(test)]
mod tests;

use std::fmt;

use sealane_transport::Rank;

pub use master::Master;

/// Looks a variable up; tests hand in a map instead of the process environment.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Which launcher started this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Launcher {
    /// `sealane launch`, or a user who sets `SEALANE_RANK` and `SEALANE_WORLD_SIZE`.
    Sealane,
    /// torchrun and everything that imitates it.
    Torchrun,
    /// Open MPI's mpirun.
    OpenMpi,
    /// A PMI process manager: MPICH's Hydra, Intel MPI, `srun --mpi=pmi2`.
    Pmi,
    /// Slurm's srun.
    Slurm,
}

impl fmt::Display for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealane => "sealane launch",
            Self::Torchrun => "torchrun",
            Self::OpenMpi => "Open MPI",
            Self::Pmi => "PMI",
            Self::Slurm => "Slurm",
        })
    }
}

/// The variables of one launcher.
struct Names {
    launcher: Launcher,
    rank: &'static str,
    world: &'static str,
    local_rank: &'static [&'static str],
    local_world: &'static [&'static str],
    run: &'static [&'static str],
}

/// Innermost first.
const LAUNCHERS: [Names; 5] = [
    Names {
        launcher: Launcher::Sealane,
        rank: "SEALANE_RANK",
        world: "SEALANE_WORLD_SIZE",
        local_rank: &["SEALANE_LOCAL_RANK"],
        local_world: &["SEALANE_LOCAL_WORLD_SIZE"],
        run: &[],
    },
    Names {
        launcher: Launcher::Torchrun,
        rank: "RANK",
        world: "WORLD_SIZE",
        local_rank: &["LOCAL_RANK"],
        local_world: &["LOCAL_WORLD_SIZE"],
        run: &["TORCHELASTIC_RUN_ID"],
    },
    Names {
        launcher: Launcher::OpenMpi,
        rank: "OMPI_COMM_WORLD_RANK",
        world: "OMPI_COMM_WORLD_SIZE",
        local_rank: &["OMPI_COMM_WORLD_LOCAL_RANK"],
        local_world: &["OMPI_COMM_WORLD_LOCAL_SIZE"],
        run: &["PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"],
    },
    Names {
        launcher: Launcher::Pmi,
        rank: "PMI_RANK",
        world: "PMI_SIZE",
        local_rank: &["MPI_LOCALRANKID", "PMI_LOCAL_RANK"],
        local_world: &["MPI_LOCALNRANKS", "PMI_LOCAL_SIZE"],
        run: &["PMI_JOBID", "PMI_ID"],
    },
    Names {
        launcher: Launcher::Slurm,
        rank: "SLURM_PROCID",
        world: "SLURM_NTASKS",
        local_rank: &["SLURM_LOCALID"],
        local_world: &[],
        run: &["SLURM_JOB_ID"],
    },
];

/// What the environment says of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Launch {
    /// Who started us.
    pub launcher: Launcher,
    /// Our rank.
    pub rank: Rank,
    /// Ranks of the job, at least 1.
    pub world: u32,
    /// Our index among the ranks of this host, where the launcher says so.
    pub local_rank: Option<u32>,
    /// Where rank 0 is; `None` only if the world is 1.
    pub master: Option<Master>,
    /// The launcher's name for this run, where it has one.
    pub run: Option<String>,
}

/// Why the environment does not say who we are. Each is one line with the cause and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// No launcher's variables are set.
    #[error(
        "no launcher found: start with `sealane launch -n N -- CMD`, torchrun, mpirun or srun, or \
         set SEALANE_RANK, SEALANE_WORLD_SIZE and SEALANE_MASTER"
    )]
    NoLauncher,
    /// One variable of a pair is missing.
    #[error("{present} is set but {missing} is not: set both or neither")]
    Incomplete {
        /// The variable that is there.
        present: &'static str,
        /// The variable that is not.
        missing: &'static str,
    },
    /// A value is not what it should be.
    #[error("{name}={value:?} is not {expected}")]
    Malformed {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A rank is outside its world.
    #[error("{rank_name}={rank} is not below {world_name}={world}: ranks count from 0")]
    OutOfRange {
        /// The rank's variable.
        rank_name: &'static str,
        /// Its value.
        rank: u32,
        /// The size's variable.
        world_name: &'static str,
        /// Its value.
        world: u32,
    },
    /// Two variables contradict each other.
    #[error("{first}={first_value:?} contradicts {second}={second_value:?}: unset one of them")]
    Conflict {
        /// A variable.
        first: &'static str,
        /// Its value.
        first_value: String,
        /// Another.
        second: &'static str,
        /// Its value.
        second_value: String,
    },
    /// More than one rank, but nothing says where rank 0 is.
    #[error(
        "{launcher} does not say where rank 0 is: set MASTER_ADDR and MASTER_PORT (or \
         SEALANE_MASTER=host:port) to an address of rank 0's host and a free UDP port, on all ranks"
    )]
    NoMaster {
        /// Who started us.
        launcher: Launcher,
    },
}

impl Launch {
    /// Reads the environment through `lookup`. Empty values count as unset.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError`]: no launcher, or its values are incomplete, malformed or contradictory.
    pub fn detect(lookup: Lookup<'_>) -> Result<Self, EnvironmentError> {
        let get = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let get: Lookup<'_> = &get;
        for names in &LAUNCHERS {
            match (get(names.rank), get(names.world)) {
                (Some(rank), Some(world)) => return Self::read(names, &rank, &world, get),
                (Some(_), None) => {
                    return Err(EnvironmentError::Incomplete {
                        present: names.rank,
                        missing: names.world,
                    });
                }
                (None, Some(_)) if names.launcher == Launcher::Sealane => {
                    return Err(EnvironmentError::Incomplete {
                        present: names.world,
                        missing: names.rank,
                    });
                }
                // A size alone is common (a batch script under Slurm) and says nothing.
                (None, _) => {}
            }
        }
        Err(EnvironmentError::NoLauncher)
    }

    fn read(
        names: &Names,
        rank: &str,
        world: &str,
        get: Lookup<'_>,
    ) -> Result<Self, EnvironmentError> {
        let rank = number(names.rank, rank)?;
        let world = number(names.world, world)?;
        if world == 0 {
            return Err(malformed(names.world, "0", "a number of ranks, at least 1"));
        }
        below((names.rank, rank), (names.world, world))?;
        let local_rank = first_number(names.local_rank, get)?;
        let local_world = first_number(names.local_world, get)?;
        if let (Some(local_rank), Some(local_world)) = (local_rank, local_world) {
            below(local_rank, local_world)?;
            below((local_world.0, local_world.1.saturating_sub(1)), (names.world, world))?;
        }
        let run = names.run.iter().find_map(|name| get(name)).filter(|run| run != "none");
        let all_local = local_world.is_some_and(|(_, local)| local == world);
        let master = master::find(names.launcher, run.as_deref(), all_local, get)?;
        if master.is_none() && world > 1 {
            return Err(EnvironmentError::NoMaster { launcher: names.launcher });
        }
        Ok(Self {
            launcher: names.launcher,
            rank: Rank(rank),
            world,
            local_rank: local_rank.map(|(_, value)| value),
            master,
            run,
        })
    }
}

fn below(
    (rank_name, rank): (&'static str, u32),
    (world_name, world): (&'static str, u32),
) -> Result<(), EnvironmentError> {
    if rank < world {
        Ok(())
    } else {
        Err(EnvironmentError::OutOfRange { rank_name, rank, world_name, world })
    }
}

fn number(name: &'static str, text: &str) -> Result<u32, EnvironmentError> {
    text.trim().parse().map_err(|_| malformed(name, text, "a whole number from 0 to 4294967295"))
}

fn first_number(
    names: &[&'static str],
    get: Lookup<'_>,
) -> Result<Option<(&'static str, u32)>, EnvironmentError> {
    for name in names {
        if let Some(text) = get(name) {
            return Ok(Some((name, number(name, &text)?)));
        }
    }
    Ok(None)
}

fn malformed(name: &'static str, value: &str, expected: &'static str) -> EnvironmentError {
    // A hostile or huge value must not flood the terminal.
    let value = value.chars().take(80).collect();
    EnvironmentError::Malformed { name, value, expected }
}

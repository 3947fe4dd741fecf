//! The dashboard of `sentinel-axiom provision` over a made-up day, as a page on stdout: for the picture in the docs.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rig::install_tls();
    print!("{}", rig::dashboard::page().await?);
    Ok(())
}

//! `push <layout> <reference>` pushes the image of an OCI layout, `push-whole` does so without chunks; `pull <reference> <folder>`
//! writes the files `config` and `layer-1`, `layer-2` and so on. Prints the digest of the manifest after a pull.
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::OciImageManifest;
use oci_client::secrets::RegistryAuth::Anonymous;
use oci_client::{Client, Reference};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [command, from, to] = args.as_slice() else {
        return Err("three arguments are needed".into());
    };
    // The client wants one, though it speaks plain HTTP here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        use_monolithic_push: command == "push-whole",
        ..Default::default()
    });
    match command.as_str() {
        "push" | "push-whole" => push(&client, Path::new(from), &to.parse()?).await,
        "pull" => pull(&client, &from.parse()?, Path::new(to)).await,
        _ => Err("no such command".into()),
    }
}

async fn push(client: &Client, layout: &Path, image: &Reference) -> Result<(), Box<dyn Error>> {
    let index: serde_json::Value = serde_json::from_slice(&fs::read(layout.join("index.json"))?)?;
    let digest = index["manifests"][0]["digest"].as_str().ok_or("the layout is empty")?;
    let manifest: OciImageManifest = serde_json::from_slice(&fs::read(blob(layout, digest))?)?;
    let mut layers = Vec::new();
    for layer in &manifest.layers {
        let data = fs::read(blob(layout, &layer.digest))?;
        layers.push(ImageLayer::new(data, layer.media_type.clone(), None));
    }
    let config = Config::new(
        fs::read(blob(layout, &manifest.config.digest))?,
        manifest.config.media_type.clone(),
        None,
    );
    client.push(image, &layers, config, &Anonymous, Some(manifest)).await?;
    Ok(())
}

async fn pull(client: &Client, image: &Reference, folder: &Path) -> Result<(), Box<dyn Error>> {
    let accepted = vec!["application/vnd.oci.image.layer.v1.tar+gzip"];
    let data = client.pull(image, &Anonymous, accepted).await?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("config"), &data.config.data)?;
    for (index, layer) in data.layers.iter().enumerate() {
        fs::write(folder.join(format!("layer-{}", index + 1)), &layer.data)?;
    }
    println!("{}", data.digest.ok_or("no digest was told")?);
    Ok(())
}

fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

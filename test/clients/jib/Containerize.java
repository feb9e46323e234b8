import com.google.cloud.tools.jib.api.Containerizer;
import com.google.cloud.tools.jib.api.Jib;
import com.google.cloud.tools.jib.api.JibContainerBuilder;
import com.google.cloud.tools.jib.api.RegistryImage;
import com.google.cloud.tools.jib.api.buildplan.ImageFormat;
import java.nio.file.Path;
import java.util.List;

/**
 * Arguments: a base image (or "scratch"), the image to push, a folder for caches, and files, each of which becomes a layer. Prints
 * the digest of the manifest.
 */
class Containerize {
  public static void main(String[] args) throws Exception {
    String base = args[0];
    Path caches = Path.of(args[2]);
    JibContainerBuilder image =
        base.equals("scratch") ? Jib.fromScratch() : Jib.from(RegistryImage.named(base));
    image.setFormat(ImageFormat.OCI);
    for (String file : List.of(args).subList(3, args.length)) {
      image.addLayer(List.of(Path.of(file)), "/");
    }
    Containerizer registry =
        Containerizer.to(RegistryImage.named(args[1]))
            .setAllowInsecureRegistries(true)
            .setBaseImageLayersCache(caches.resolve("base"))
            .setApplicationLayersCache(caches.resolve("application"));
    System.out.println(image.containerize(registry).getDigest());
    // Threads of jib's HTTP client would keep the process for a minute.
    System.exit(0);
  }
}

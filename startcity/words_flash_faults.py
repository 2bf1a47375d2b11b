# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of what goes wrong at the bench, and what to do: tools/flash/flash_fault.py and doctor.py. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (
        "No board's serial port was found.",
        "Nessuna porta seriale di una scheda trovata.",
    ),
    (
        "Plug the board in with a cable that carries data, or name its port with --port; `startcity "
        "flash doctor` looks why.",
        "Collegare la scheda con un cavo che porta i dati, o indicare la porta con --port; `startcity "
        "flash doctor` cerca il perché.",
    ),
    (
        "The port {port} does not exist.",
        "La porta {port} non esiste.",
    ),
    (
        "Look at the cable, and at the name: ls /dev/serial/by-id.",
        "Guardare il cavo, e il nome: ls /dev/serial/by-id.",
    ),
    (
        "The port {port} may not be opened by this user.",
        "Questo utente non può aprire la porta {port}.",
    ),
    (
        "Join the group dialout (sudo usermod -aG dialout $USER) and log in again, or install the udev rule.",
        "Entrare nel gruppo dialout (sudo usermod -aG dialout $USER) e accedere di nuovo, o installare la regola udev.",
    ),
    (
        "Another program has the port {port}.",
        "Un altro programma tiene la porta {port}.",
    ),
    (
        "Close it; `startcity flash doctor` says which one it is.",
        "Chiuderlo; `startcity flash doctor` dice quale.",
    ),
    (
        "The board does not answer.",
        "La scheda non risponde.",
    ),
    (
        "Hold its BOOT button, press RESET, let go of BOOT, and try again; then another cable.",
        "Tenere premuto BOOT, premere RESET, lasciare BOOT, e riprovare; poi un altro cavo.",
    ),
    (
        "The board's boot loader answers, but the loader that was sent to it does not run.",
        "Il boot loader della scheda risponde, ma il programma inviatogli non parte.",
    ),
    (
        "Try a lower --baud, another cable and a better supply.",
        "Provare un --baud più basso, un altro cavo e un alimentatore migliore.",
    ),
    (
        "The board is an {found}, not an {wanted}.",
        "La scheda è un {found}, non un {wanted}.",
    ),
    (
        "Take the board that --chip names, or leave it out.",
        "Prendere la scheda indicata da --chip, o toglierlo.",
    ),
    (
        "The board's chip is not known here: {found}.",
        "Il chip della scheda qui non è conosciuto: {found}.",
    ),
    (
        "ESP32, ESP32-S3 and ESP32-C3 can be flashed.",
        "Si possono scrivere ESP32, ESP32-S3 ed ESP32-C3.",
    ),
    (
        "The board was exchanged: {found} answers instead of {wanted}.",
        "La scheda è stata scambiata: risponde {found} invece di {wanted}.",
    ),
    (
        "Leave each board on its port until its row says done, and start again.",
        "Lasciare ogni scheda sulla sua porta finché la riga non dice fatto, e ricominciare.",
    ),
    (
        "There is no MicroPython image for {chip} with {flash_mb} MB of flash.",
        "Non c'è un'immagine di MicroPython per {chip} con {flash_mb} MB di flash.",
    ),
    (
        "Give one with --micropython, or a bundle that has one.",
        "Indicarne una con --micropython, o un pacchetto che la contiene.",
    ),
    (
        "{file} is no MicroPython image that can be flashed: {reason}.",
        "{file} non è un'immagine di MicroPython che si possa scrivere: {reason}.",
    ),
    (
        "Download the .bin of the board from micropython.org/download, not the .app-bin.",
        "Scaricare il .bin della scheda da micropython.org/download, non l'.app-bin.",
    ),
    (
        "The board does not say how large its flash is.",
        "La scheda non dice quanto è grande la sua flash.",
    ),
    (
        "Its flash does not answer: try again, then put the board aside.",
        "La flash non risponde: riprovare, poi mettere da parte la scheda.",
    ),
    (
        "The flash of {flash_mb} MB leaves {room_kb} kB for files; {needed_kb} kB are needed.",
        "La flash di {flash_mb} MB lascia {room_kb} kB per i file; ne servono {needed_kb}.",
    ),
    (
        "Take a board with more flash, or an image with one program slot.",
        "Prendere una scheda con più flash, o un'immagine con un solo posto per il programma.",
    ),
    (
        "The image is MicroPython {version}: the node's program needs {needed} or newer.",
        "L'immagine è MicroPython {version}: il programma del nodo richiede {needed} o più recente.",
    ),
    (
        "Download a newer one from micropython.org/download.",
        "Scaricarne una più recente da micropython.org/download.",
    ),
    (
        "The board {mac} was flashed before, and the key that it got is not on it any more.",
        "La scheda {mac} era già stata scritta, e la chiave che aveva ricevuto non c'è più.",
    ),
    (
        "With --again it becomes a new node with a new key; the vault then needs --replace.",
        "Con --again diventa un nodo nuovo con una chiave nuova; il caveau richiede allora --replace.",
    ),
    ("{port} is no serial port.", "{port} non è una porta seriale."),
    (
        "Look at the name: `startcity flash doctor` lists boards' ports.",
        "Guardare il nome: `startcity flash doctor` elenca le porte delle schede.",
    ),
    (
        "The node's program that was given has no {file}, which this profile needs on an {chip}.",
        "Al programma del nodo manca {file}, che serve a questo profilo su un {chip}.",
    ),
    (
        "Make the bundle anew, or give another --application.",
        "Rifare il pacchetto, o indicare un'altra --application.",
    ),
    (
        "An {chip} has too few pins for the profile {profile}.",
        "Un {chip} ha troppo pochi piedini per il profilo {profile}.",
    ),
    (
        "Take a board with an ESP32 or ESP32-S3.",
        "Prendere una scheda con un ESP32 o un ESP32-S3.",
    ),
    (
        "With MicroPython {version} no pin wakes an {chip}: a node of the profile {profile} would lose what it counts asleep.",
        "Con MicroPython {version} nessun piedino sveglia un {chip}: un nodo del profilo {profile} perderebbe ciò che conta nel "
        "sonno.",
    ),
    (
        "Take an image of MicroPython 1.27 or newer, or a board with an ESP32 or ESP32-S3.",
        "Prendere un'immagine di MicroPython 1.27 o più recente, o una scheda con un ESP32 o un ESP32-S3.",
    ),
    (
        "The chip refuses to be written: secure boot or flash encryption is on.",
        "Il chip rifiuta di essere scritto: secure boot o cifratura della flash sono attivi.",
    ),
    (
        "Take a board whose fuses are not burnt.",
        "Prendere una scheda con i fusibili intatti.",
    ),
    (
        "The board vanished from {port}.",
        "La scheda è sparita da {port}.",
    ),
    (
        "Look at the cable, the hub and the supply; then start again, it goes on where it was.",
        "Guardare cavo, hub e alimentazione; poi ricominciare, riprende da dov'era.",
    ),
    (
        "Bytes were lost or changed on the line.",
        "Sulla linea si sono persi o cambiati dei byte.",
    ),
    (
        "Try a shorter cable, without a hub, or --baud 115200.",
        "Provare un cavo più corto, senza hub, o --baud 115200.",
    ),
    (
        "The board stopped answering, and the time ran out.",
        "La scheda ha smesso di rispondere, e il tempo è scaduto.",
    ),
    (
        "The flash was not written: {reason}.",
        "La flash non è stata scritta: {reason}.",
    ),
    (
        "Start again; if it happens twice, put the board aside.",
        "Ricominciare; se succede due volte, mettere da parte la scheda.",
    ),
    (
        "The flash does not hold what was written.",
        "La flash non contiene ciò che è stato scritto.",
    ),
    (
        "The flash is worn out, or smaller than it says: put the board aside.",
        "La flash è consumata, o più piccola di quanto dice: mettere da parte la scheda.",
    ),
    (
        "MicroPython does not answer after the start.",
        "Dopo l'avvio MicroPython non risponde.",
    ),
    (
        "Press RESET and start again: what is written is not written twice.",
        "Premere RESET e ricominciare: ciò che è scritto non si riscrive.",
    ),
    (
        "The board's self-test failed: {reason}.",
        "L'autoprova della scheda non è riuscita: {reason}.",
    ),
    (
        "Start again with --erase --again; if it happens twice, put the board aside.",
        "Ricominciare con --erase --again; se succede due volte, mettere da parte la scheda.",
    ),
    (
        "The sensor does not answer: {reason}.",
        "Il sensore non risponde: {reason}.",
    ),
    (
        "Look at its wires (docs of the profile), or leave --need-sensor out and mount it later.",
        "Guardare i suoi fili (pagine del profilo), o togliere --need-sensor e montarlo dopo.",
    ),
    (
        "{file} is no bundle: {reason}.",
        "{file} non è un pacchetto: {reason}.",
    ),
    (
        "Copy it again from where it was made.",
        "Copiarlo di nuovo da dove è stato fatto.",
    ),
    (
        "{file} was not signed with this key.",
        "{file} non è stato firmato con questa chiave.",
    ),
    (
        "Use the public key of who made it; if it is that one, do not use the bundle.",
        "Usare la chiave pubblica di chi l'ha fatto; se è quella, non usare il pacchetto.",
    ),
    (
        "{file} was changed after it was signed: {part}.",
        "{file} è stato cambiato dopo la firma: {part}.",
    ),
    (
        "Do not use it; get a new copy.",
        "Non usarlo; procurarsene una nuova copia.",
    ),
    (
        "What {url} gives is not what was pinned: SHA-256 {found}.",
        "Ciò che dà {url} non è ciò che era fissato: SHA-256 {found}.",
    ),
    (
        "Do not use it; look at where the pin comes from.",
        "Non usarlo; guardare da dove viene l'impronta.",
    ),
    (
        "It was interrupted.",
        "È stato interrotto.",
    ),
    (
        "Start again: the board goes on where it was.",
        "Ricominciare: la scheda riprende da dov'era.",
    ),
    (
        "{tool} is not installed here.",
        "{tool} non è installato qui.",
    ),
    (
        "Install it: in the folder of startcity's sources, pip install '.[tools]'.",
        "Installarlo: nella cartella dei sorgenti di startcity, pip install '.[tools]'.",
    ),
    (
        "Another run is working on the board {mac}.",
        "Un'altra esecuzione lavora sulla scheda {mac}.",
    ),
    (
        "Wait until it has ended.",
        "Aspettare che sia finita.",
    ),
    (
        "Plug a board in with a cable that carries data; `dmesg` says what the machine sees.",
        "Collegare una scheda con un cavo che porta i dati; `dmesg` dice che cosa vede la macchina.",
    ),
    (
        "The udev rule is not installed.",
        "La regola udev non è installata.",
    ),
    (
        "Run `sudo cp packaging/udev/{file} /etc/udev/rules.d/ && sudo udevadm control --reload`.",
        "Eseguire `sudo cp packaging/udev/{file} /etc/udev/rules.d/ && sudo udevadm control --reload`.",
    ),
    (
        "The clock says {time}.",
        "L'orologio dice {time}.",
    ),
    (
        "{folder} has {free} MB free.",
        "{folder} ha {free} MB liberi.",
    ),
    (
        "Boards' ports: {ports}.",
        "Porte di schede: {ports}.",
    ),
    (
        "This user is not in the group dialout.",
        "Questo utente non è nel gruppo dialout.",
    ),
    (
        "Run `sudo usermod -aG dialout $USER` and log in again.",
        "Eseguire `sudo usermod -aG dialout $USER` e accedere di nuovo.",
    ),
    (
        "This machine's clock was never set.",
        "L'orologio di questa macchina non è mai stato regolato.",
    ),
    (
        "Set it: `sudo timedatectl set-time`.",
        "Regolarlo: `sudo timedatectl set-time`.",
    ),
    (
        "Make room: 256 MB are enough.",
        "Fare posto: bastano 256 MB.",
    ),
    (
        "This user may not write {folder}.",
        "Questo utente non può scrivere in {folder}.",
    ),
    (
        "Choose another folder with --journal.",
        "Scegliere un'altra cartella con --journal.",
    ),
    (
        "This user may not open {ports}.",
        "Questo utente non può aprire {ports}.",
    ),
    (
        "Run `sudo usermod -aG dialout $USER` and log in again, or install the udev rule.",
        "Eseguire `sudo usermod -aG dialout $USER` e accedere di nuovo, o installare la regola udev.",
    ),
    (
        "This user may open serial ports.",
        "Questo utente può aprire le porte seriali.",
    ),
    (
        "The udev rule is installed: {file}.",
        "La regola udev è installata: {file}.",
    ),
    (
        "brltty runs: it takes the ports of CH340 and CP210x bridges.",
        "brltty è attivo: prende le porte dei ponti CH340 e CP210x.",
    ),
    (
        "Run `sudo systemctl stop brltty-udev brltty`, or `sudo apt remove brltty` where nobody reads Braille.",
        "Eseguire `sudo systemctl stop brltty-udev brltty`, o `sudo apt remove brltty` dove nessuno legge il Braille.",
    ),
    (
        "ModemManager runs: it talks to new ports for some seconds.",
        "ModemManager è attivo: per qualche secondo parla alle porte nuove.",
    ),
    (
        "The udev rule keeps it away; or run `sudo systemctl stop ModemManager`.",
        "La regola udev lo tiene lontano; oppure eseguire `sudo systemctl stop ModemManager`.",
    ),
    (
        "Neither brltty nor ModemManager runs.",
        "Né brltty né ModemManager sono attivi.",
    ),
    (
        "{program} (process {pid}) has {port} open.",
        "{program} (processo {pid}) ha aperto {port}.",
    ),
    (
        "Close it.",
        "Chiuderlo.",
    ),
    (
        "{tool} {version}: this version was not tried.",
        "{tool} {version}: questa versione non è stata provata.",
    ),
    (
        "{tool} {version}.",
        "{tool} {version}.",
    ),
)

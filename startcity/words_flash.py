# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""The Italian of `startcity flash`. Joined in `words.py`."""

from __future__ import annotations

PAIRS: tuple[tuple[str, str], ...] = (
    (
        "Leave the radio out of the self-test, where there is none: an emulator.",
        "Lascia la radio fuori dall'autoprova, dove non c'è: un emulatore.",
    ),
    (
        "Make boards nodes of the city: MicroPython, the node's program, identity and key, all ports at "
        "once.\n\nEach board is identified, written, verified, reset and tested, and gets a label. What "
        "was done is in the journal: a board that was interrupted goes on where it was, and one that is "
        "done is left alone.\n\nExit codes: 0 done; 2 usage; 10 no port; 11 no permission, or busy; 12 no "
        "answer; 13 wrong chip or image; 14 not written; 15 not verified; 16 self-test; 17 bundle; 20 "
        "some of several boards failed.",
        "Fa di schede nodi della città: MicroPython, il programma del nodo, identità e chiave, su tutte "
        "le porte insieme.\n\nOgni scheda viene identificata, scritta, verificata, riavviata e provata, e "
        "riceve un'etichetta. Ciò che è stato fatto sta nel giornale: una scheda interrotta riprende da "
        "dov'era, una finita resta com'è.\n\nCodici d'uscita: 0 fatto; 2 uso; 10 nessuna porta; 11 "
        "permesso negato, o occupata; 12 nessuna risposta; 13 chip o immagine errati; 14 non scritta; 15 "
        "non verificata; 16 autoprova; 17 pacchetto; 20 alcune di più schede non riuscite.",
    ),
    (
        "A board's port; may be repeated. Default: every board that is found.",
        "La porta di una scheda; si può ripetere. Se manca: ogni scheda trovata.",
    ),
    (
        "A bundle of `flash bundle make`: nothing else is needed.",
        "Un pacchetto di `flash bundle make`: non serve altro.",
    ),
    (
        "Public key of who made it.",
        "Chiave pubblica di chi l'ha fatto.",
    ),
    (
        "A MicroPython image; may be repeated.",
        "Un'immagine di MicroPython; si può ripetere.",
    ),
    (
        "Folder with the node's program. Default: compiled from the sources.",
        "Cartella con il programma del nodo. Se manca: compilato dai sorgenti.",
    ),
    (
        "The gateway's broker as the node reaches it.",
        "Il broker del gateway come lo raggiunge il nodo.",
    ),
    (
        "The broker's port.",
        "La porta del broker.",
    ),
    (
        "The vault's vault.pub: the new keys are sealed for it.",
        "Il vault.pub del caveau: le nuove chiavi vengono sigillate per lui.",
    ),
    (
        "File to which the sealed keys are appended. Default: masters.cose beside the journal.",
        "File a cui si aggiungono le chiavi sigillate. Se manca: masters.cose accanto al giornale.",
    ),
    (
        "Folder for the account of each board. Default: ~/.local/state/startcity/flash.",
        "Cartella per il resoconto di ogni scheda. Se manca: ~/.local/state/startcity/flash.",
    ),
    (
        "Folder for the labels, mode 0600. Default: labels beside the journal.",
        "Cartella per le etichette, modo 0600. Se manca: labels accanto al giornale.",
    ),
    (
        "Show each label as a QR code; nobody else should see the screen.",
        "Mostra ogni etichetta come codice QR; nessun altro dovrebbe vedere lo schermo.",
    ),
    (
        "What this bench calls itself. Default: the machine's name.",
        "Come si chiama questo banco. Se manca: il nome della macchina.",
    ),
    (
        "Refuse boards with another chip.",
        "Rifiuta le schede con un altro chip.",
    ),
    (
        "Which image of a chip: with one program, or with two slots for updates over the air.",
        "Quale immagine di un chip: con un programma, o con due posti per gli aggiornamenti via radio.",
    ),
    (
        "Fastest speed to try.",
        "Velocità massima da provare.",
    ),
    (
        "How the boot loader is reached; no-reset where a person has pressed the buttons.",
        "Come si raggiunge il boot loader; no-reset dove una persona ha premuto i pulsanti.",
    ),
    (
        "Erase the whole flash first.",
        "Cancella prima tutta la flash.",
    ),
    (
        "Make a board that is done a new node, with a new key.",
        "Fa di una scheda finita un nodo nuovo, con una chiave nuova.",
    ),
    (
        "Leave the self-test out, where MicroPython cannot be reached on this port.",
        "Salta l'autoprova, dove MicroPython non si raggiunge da questa porta.",
    ),
    (
        "Fail where a sensor of the profile does not answer.",
        "Fallisce dove un sensore del profilo non risponde.",
    ),
    (
        "Boards at once.",
        "Schede insieme.",
    ),
    (
        "Identify the boards and show the plan; nothing is written.",
        "Identifica le schede e mostra il piano; non scrive nulla.",
    ),
    (
        "One JSON object a line, each with its version.",
        "Un oggetto JSON per riga, ciascuno con la sua versione.",
    ),
    (
        "Make, prove and show a bundle: MicroPython images, the node's program and the profiles in one signed file.",
        "Creare, provare e mostrare un pacchetto: immagini di MicroPython, programma del nodo e profili "
        "in un solo file firmato.",
    ),
    (
        "Make a bundle. The same parts and the same key give the same bytes.",
        "Crea un pacchetto. Le stesse parti e la stessa chiave danno gli stessi byte.",
    ),
    (
        "An image; once for each chip and layout. A URL needs its pin.",
        "Un'immagine; una per ogni chip e disposizione. Un URL vuole la sua impronta.",
    ),
    (
        "Ed25519 private key (PEM, mode 0600) that signs.",
        "Chiave privata Ed25519 (PEM, modo 0600) che firma.",
    ),
    (
        "A profile to take in; may be repeated. Default: all of them.",
        "Un profilo da includere; si può ripetere. Se manca: tutti.",
    ),
    (
        "What people call the bundle.",
        "Come si chiama il pacchetto.",
    ),
    (
        "Prove a bundle: its signature, and every part's size and SHA-256. Exit code 17 where something is wrong.",
        "Prova un pacchetto: la firma, e dimensione e SHA-256 di ogni parte. Codice d'uscita 17 dove qualcosa non va.",
    ),
    (
        "The maker's public key.",
        "La chiave pubblica di chi l'ha fatto.",
    ),
    (
        "Show what a bundle says it holds. Every part is compared with its SHA-256; who signed it is not proved.",
        "Mostra che cosa dice di contenere un pacchetto. Ogni parte è confrontata con il suo SHA-256; "
        "chi ha firmato non è provato.",
    ),
    (
        "Read a board's whole flash into a file of mode 0600. It holds the node's key.",
        "Legge tutta la flash di una scheda in un file di modo 0600. Contiene la chiave del nodo.",
    ),
    (
        "The board's port. Default: the one board that is found.",
        "La porta della scheda. Se manca: l'unica scheda trovata.",
    ),
    (
        "Write a backup back onto its board, and compare it.\n\nOnly onto the board that it was taken "
        "from, and best only if that board has not worked since: a node that is set back may use "
        "sequence numbers twice. When in doubt flash it anew.",
        "Riscrive una copia sulla sua scheda, e la confronta.\n\nSolo sulla scheda da cui viene, e meglio "
        "solo se da allora non ha lavorato: un nodo riportato indietro può usare due volte gli stessi "
        "numeri di sequenza. Nel dubbio, scriverla da capo.",
    ),
    (
        "The board that the backup is of: no other one is written.",
        "La scheda di cui è la copia: nessun'altra viene scritta.",
    ),
    (
        "Erase a board's whole flash, with its key and everything that it has not sent yet.",
        "Cancella tutta la flash di una scheda, con la chiave e tutto ciò che non ha ancora inviato.",
    ),
    (
        "The board to erase: no other one is.",
        "La scheda da cancellare: nessun'altra.",
    ),
    (
        "Show a board's console, and send what is typed. Ctrl-] ends it.",
        "Mostra la console di una scheda, e invia ciò che si scrive. Ctrl-] la chiude.",
    ),
    (
        "Speed of the console.",
        "Velocità della console.",
    ),
    (
        "Look what on this machine keeps boards from being flashed: rights, udev, other programs, clock, "
        "disk, versions.\n\nExit code 0: nothing does; 1: something does.",
        "Guarda che cosa, su questa macchina, impedisce di scrivere le schede: permessi, udev, altri "
        "programmi, orologio, disco, versioni.\n\nCodice d'uscita 0: nulla; 1: qualcosa.",
    ),
    (
        "Folder for the account of each board.",
        "Cartella per il resoconto di ogni scheda.",
    ),
    (
        "--need-sensor and --no-test exclude one another.",
        "--need-sensor e --no-test si escludono.",
    ),
    (
        "Give --bundle, or a MicroPython image with --micropython.",
        "Indicare --bundle, o un'immagine di MicroPython con --micropython.",
    ),
    (
        "Give --vault-key: without the vault's vault.pub the new keys would be lost.",
        "Indicare --vault-key: senza il vault.pub del caveau le nuove chiavi andrebbero perse.",
    ),
    (
        "At most {count} ports at once.",
        "Al massimo {count} porte insieme.",
    ),
    (
        "Two of the ports are the same device.",
        "Due delle porte sono lo stesso dispositivo.",
    ),
    (
        "--bundle has everything in it: leave --micropython, --application and --profiles out.",
        "--bundle contiene tutto: togliere --micropython, --application e --profiles.",
    ),
    (
        "Give --bundle-key: the public key of who made the bundle.",
        "Indicare --bundle-key: la chiave pubblica di chi ha fatto il pacchetto.",
    ),
    (
        "Give --profile; `startcity profile list` shows them. To try it without hardware, `startcity sim city` comes first.",
        "Indicare --profile; `startcity profile list` li mostra. Per provare senza hardware viene prima `startcity sim city`.",
    ),
    (
        "Give --wifi-ssid and --mqtt-host: the node needs both to reach its gateway.",
        "Indicare --wifi-ssid e --mqtt-host: il nodo ha bisogno di entrambi per raggiungere il suo gateway.",
    ),
    (
        "--bench takes 1 to 32 characters of a-z, 0-9 and -.",
        "--bench prende da 1 a 32 caratteri fra a-z, 0-9 e -.",
    ),
    (
        "{port}: a port is a path, rfc2217://HOST:PORT or socket://HOST:PORT.",
        "{port}: una porta è un percorso, rfc2217://HOST:PORTA o socket://HOST:PORTA.",
    ),
    (
        "{file}: {count} parts, signed by key {key}.",
        "{file}: {count} parti, firmate con la chiave {key}.",
    ),
    (
        "{file}: the signature and all {count} parts are right.",
        "{file}: la firma e tutte le {count} parti sono giuste.",
    ),
    (
        "{name}: firmware {version}, signed by key {key}",
        "{name}: firmware {version}, firmato con la chiave {key}",
    ),
    (
        "{file}: {size} bytes of board {mac}, SHA-256 {sha256}.",
        "{file}: {size} byte della scheda {mac}, SHA-256 {sha256}.",
    ),
    (
        "Board {mac} holds {file} again.",
        "La scheda {mac} contiene di nuovo {file}.",
    ),
    (
        "Board {mac} is blank.",
        "La scheda {mac} è vuota.",
    ),
    (
        "{port}; Ctrl-] ends.",
        "{port}; Ctrl-] chiude.",
    ),
    (
        "{what} Once more at {baud} baud.",
        "{what} Di nuovo a {baud} baud.",
    ),
    (
        "There are several boards: name one with --port ({ports}).",
        "Ci sono più schede: indicarne una con --port ({ports}).",
    ),
    (
        "node {node}, profile {profile}",
        "nodo {node}, profilo {profile}",
    ),
    (
        "{at}: key and identity (NVS), {size} bytes",
        "{at}: chiave e identità (NVS), {size} byte",
    ),
    (
        "{at}: file system of {size} bytes with {count} files",
        "{at}: file system di {size} byte con {count} file",
    ),
    (
        "MicroPython {micropython}, firmware {firmware}, {memory} bytes free",
        "MicroPython {micropython}, firmware {firmware}, {memory} byte liberi",
    ),
    (
        "Wi-Fi networks heard: {count}",
        "Reti Wi-Fi sentite: {count}",
    ),
    (
        "asking the board",
        "interrogo la scheda",
    ),
    (
        "erasing",
        "cancello",
    ),
    (
        "writing MicroPython",
        "scrivo MicroPython",
    ),
    (
        "writing keys and files",
        "scrivo chiavi e file",
    ),
    (
        "verifying",
        "verifico",
    ),
    (
        "testing",
        "provo",
    ),
    (
        "{model} {revision}, {flash:g} MB of flash, MAC {mac}",
        "{model} {revision}, {flash:g} MB di flash, MAC {mac}",
    ),
    (
        "goes on after: {step}",
        "riprende dopo: {step}",
    ),
    (
        "Was flashed before, with the profile {profile}; left as it is. With --again it becomes a new node.",
        "Già scritta, con il profilo {profile}; resta com'è. Con --again diventa un nodo nuovo.",
    ),
    (
        "label: {file} (secret until the node has a new key generation)",
        "etichetta: {file} (segreta finché il nodo non ha una nuova generazione di chiavi)",
    ),
    (
        "Done: node {node}, profile {profile}.",
        "Fatto: nodo {node}, profilo {profile}.",
    ),
    (
        "erase the whole flash",
        "cancella tutta la flash",
    ),
    (
        "{at}: MicroPython, {size} bytes; the image does not say its version",
        "{at}: MicroPython, {size} byte; l'immagine non dice la sua versione",
    ),
    (
        "{at}: MicroPython {version}, {size} bytes",
        "{at}: MicroPython {version}, {size} byte",
    ),
    (
        "program slots for updates: {count}",
        "posti per aggiornamenti: {count}",
    ),
    (
        "sensors: {names}",
        "sensori: {names}",
    ),
    (
        "no answer from: {names}",
        "nessuna risposta da: {names}",
    ),
    (
        "port",
        "porta",
    ),
    (
        "node",
        "nodo",
    ),
    (
        "chip",
        "chip",
    ),
    (
        "step",
        "passo",
    ),
    (
        "Boards done: {done}, done before: {already}, failed: {failed}.",
        "Schede fatte: {done}, già fatte: {already}, non riuscite: {failed}.",
    ),
    (
        "done",
        "fatto",
    ),
    (
        "done before",
        "già fatta",
    ),
    (
        "FAILED",
        "NON RIUSCITA",
    ),
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
        "Print the short names of the program (file, short, full), for a crash report.",
        "Stampa i nomi abbreviati del programma (file, breve, intero), per un rapporto d'errore.",
    ),
    (
        "Press RESET on the board now, and let BOOT go: this port has no control lines.",
        "Premere ora RESET sulla scheda, senza tenere BOOT: questa porta non ha linee di controllo.",
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
        "The firmware's sources are not part of this installation: give a bundle, or --application.",
        "I sorgenti del firmware non fanno parte di questa installazione: indicare un pacchetto, o --application.",
    ),
    (
        "The firmware could not be compiled: {said}",
        "Il firmware non si è potuto compilare: {said}",
    ),
    (
        "{folder} is not the node's program: it needs boot.py and main.py, and at most {count} files.",
        "{folder} non è il programma del nodo: servono boot.py e main.py, e al massimo {count} file.",
    ),
    (
        "The board is {found}, not {wanted}.",
        "La scheda è {found}, non {wanted}.",
    ),
    (
        "{file} has {size} bytes, the board's flash {flash}: it is no backup of this board.",
        "{file} ha {size} byte, la flash della scheda {flash}: non è una copia di questa scheda.",
    ),
    (
        "{url}: a URL needs its pin, https://...#sha256=HEX (64 digits).",
        "{url}: un URL vuole la sua impronta, https://...#sha256=HEX (64 cifre).",
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
    (
        "Make boards nodes of the city, at the bench.",
        "Fa di schede nodi della città, al banco.",
    ),
)
